"""`deploy toolchain`: the built-in stand-ins, and Ascend's tools."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import get_args

import click

from board_runner.errors import UsageError
from deployer.cli.options import Session, common
from toolchain_wrappers import ascend, standin
from toolchain_wrappers.standin import variants


@click.group("toolchain")
def command() -> None:
    """Make a stand-in of the vendor's tools; drive Ascend's."""


@command.command("standin")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="0 is as published; any other varies what is not.",
)
@common
def make_standin(session: Session, directory: Path, seed: int) -> None:
    """Write a tree of the vendor's shape into DIRECTORY: its convert.sh converts and simulates for real."""
    variant = variants.by_seed(seed)
    made = standin.make(directory.resolve(), variant)
    section: dict[str, object] = {"models_dir": str(made.models_dir), "tools_dir": str(made.tools_dir)}
    if seed:
        section["profile"] = variant.profile()

    def text() -> None:
        import yaml

        click.echo(f"# for deploy.yaml\n{yaml.safe_dump({'toolchain': section}, sort_keys=False)}", nl=False)

    session.show({"toolchain": section, "variant": asdict(variant)}, text)


@command.command("ascend")
@click.argument("model", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--toolkit",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the AIE scripts. Without it a stand-in is made, whose device is this CPU.",
)
@click.option("--set-env", type=click.Path(path_type=Path, dir_okay=False), help="Ascend's set_env.sh.")
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), default=Path("ascend"))
@click.option("--batch", "batches", type=click.IntRange(min=1), multiple=True, help="[default: 1 to 64]")
@click.option("--route", type=click.Choice(get_args(ascend.Route)), default="om", show_default=True)
@click.option("--soc-version", default="Ascend310P3", show_default=True)
@click.option("--device-id", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--samples", type=click.IntRange(min=1), help="How many the runner will find in DATA.")
@click.option("--input", "input_spec", metavar="NAME:SIZE,...", help="For a model that is no ONNX.")
@common
def run_ascend(
    session: Session,
    *,
    model: Path,
    data: Path,
    toolkit: Path | None,
    set_env: Path | None,
    work: Path,
    batches: tuple[int, ...],
    route: ascend.Route,
    soc_version: str,
    device_id: int,
    samples: int | None,
    input_spec: str | None,
) -> None:
    """Compile MODEL and run it over DATA in each batch size with Ascend's tools; they have no simulator."""
    from deployer.conversion import ascend_sweep

    name, shape = _input(input_spec) if input_spec else ascend_sweep.input_of(model)
    job = ascend.Job(
        toolkit=ascend_toolkit(toolkit, set_env, work),
        model=model,
        input_name=name,
        sample_shape=shape,
        work=work,
        data=data,
        samples=samples,
        batches=batches or ascend.BATCHES,
        route=route,
        soc_version=soc_version,
        device_id=device_id,
    )
    stall = session.deployment.settings.toolchain.stall_timeout_s
    with session.progress() as emit:
        report = ascend_sweep.sweep(job, stall_timeout_s=stall, emit=emit)
    session.show(report.as_data(), lambda: click.echo(report.as_text()))


def ascend_toolkit(folder: Path | None, set_env: Path | None, work: Path) -> ascend.Toolkit:
    """The scripts in `folder`, or a stand-in below `work`."""
    from dataclasses import replace

    from toolchain_wrappers.standin import ascend as ascend_standin

    if folder is None:
        return ascend_standin.make(work / "toolkit")
    scripts = ascend.Toolkit(
        compile_script=folder / "export_torch_aie_ts.py", run_script=folder / "pt_val.py"
    )
    return replace(scripts, set_env=set_env) if set_env is not None else scripts


def _input(spec: str) -> tuple[str, tuple[int, ...]]:
    name, _, sizes = spec.rpartition(":")
    try:
        return name, tuple(int(size) for size in sizes.split(","))
    except ValueError as e:
        raise UsageError(f"--input {spec!r} is no NAME:SIZE,SIZE", hint="for instance mel:80,200") from e
