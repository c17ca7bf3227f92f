"""`deploy sweep`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import click

from deployer.cli.options import Session, common
from toolchain_wrappers.ascend import BATCHES


@click.command("sweep")
@click.argument("model", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--batch", "batches", type=click.IntRange(min=1), multiple=True, help="[default: 1 to 64]")
@click.option("--samples", type=click.IntRange(min=1), help="In each round; else the largest batch.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option(
    "--last",
    type=click.Choice(["keep", "drop"]),
    help="Samples that fill no whole batch: run as a smaller one, or left out. [default: keep; ascend: drop]",
)
@click.option(
    "--by", type=click.Choice(["float", "onnxruntime", "ascend"]), default="float", show_default=True
)
@click.option("--toolkit", type=click.Path(path_type=Path, file_okay=False), help="ascend: its scripts.")
@click.option("--set-env", type=click.Path(path_type=Path, dir_okay=False), help="ascend: its set_env.sh.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="ascend: samples, else noise.")
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), default=Path("ascend"))
@click.option("--soc-version", default="Ascend310P3", show_default=True)
@common
def command(
    session: Session,
    *,
    model: Path,
    batches: tuple[int, ...],
    samples: int | None,
    rounds: int,
    last: Literal["keep", "drop"] | None,
    by: Literal["float", "onnxruntime", "ascend"],
    toolkit: Path | None,
    set_env: Path | None,
    data: Path | None,
    work: Path,
    soc_version: str,
) -> None:
    """Time the ONNX file MODEL at each batch size, on one thread of this host or with Ascend's tools.

    Each batch size must give the answers that single samples give; where a larger batch gives fewer samples/s,
    the table says so.
    """
    # Read once, when numpy is imported: threads of a busy machine would blur the timing.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from deployer.sweep import ascend, measure

    plan = measure.Plan(
        batches=batches or BATCHES,
        samples=samples,
        rounds=rounds,
        last=last or ("drop" if by == "ascend" else "keep"),
    )
    with session.progress() as emit:
        if by == "ascend":
            from deployer.cli.toolchain import ascend_toolkit

            device = ascend.Device(
                toolkit=ascend_toolkit(toolkit, set_env, work), work=work, data=data, soc_version=soc_version
            )
            stall = session.deployment.settings.toolchain.stall_timeout_s
            report = ascend.sweep(model, plan, device, stall_timeout_s=stall, emit=emit)
        else:
            report = measure.sweep(model, plan, engine=by, emit=emit)
    session.show(report.as_data(), lambda: click.echo(report.as_text()))
