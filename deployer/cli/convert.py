"""`deploy convert`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from board_runner.errors import UsageError
from deployer import pipeline
from deployer.cli.options import Session, common, dry_run
from deployer.conversion.job import Direct
from deployer.project import Project


@click.command("convert")
@click.option("--force", is_flag=True, help="Convert even if nothing has changed.")
@click.option(
    "--simulate", is_flag=True, help="Then simulate the float model too, as convert.sh -s true does."
)
@click.option("--direct", is_flag=True, help="Run ConvertTool, calibrator and compiler without convert.sh.")
@click.option("--quant-level", type=click.Choice(["L1", "L2", "L3", "L4", "L5"]), help="With --direct.")
@click.option(
    "--quant-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="With --direct: ranges and bits by tensor, as `deploy tune` writes them.",
)
@click.option(
    "--sensitivity", type=float, metavar="STH", help="With --direct: from where on L5 takes 16 bits."
)
@dry_run
@common
def command(
    session: Session,
    force: bool,
    simulate: bool,
    direct: bool,
    dry_run: bool,
    **options: Any,
) -> None:
    """Turn the ONNX model into eat_float.sim, eat_fixed.sim and eat.img by the vendor's convert.sh."""
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
    if given and not direct:
        raise UsageError(f"{given[0]} goes with --direct", hint="convert.sh does not pass it on to the tools")
    project = Project(session.deployment)
    chosen = Direct(**options) if direct else None
    if dry_run:
        plan = _plan(project, chosen, simulate=simulate)
        session.show({"would_run": plan}, lambda: click.echo("\n".join(plan)))
        return
    with session.progress() as emit:
        made = pipeline.convert(project, direct=chosen, force=force, emit=emit)
        texts = pipeline.simulate(project, emit=emit).texts if simulate else ()

    def text() -> None:
        for path in [*(made.folder / name for name in sorted(made.manifest.outputs)), *texts]:
            click.echo(path)

    value = {"folder": str(made.folder), **asdict(made.manifest), "simulated": [str(path) for path in texts]}
    session.show(value, text)


def _plan(project: Project, direct: Direct | None, *, simulate: bool) -> list[str]:
    """The commands that would run, as one would type them."""
    import shlex

    job = project.convert_job(direct)
    name = "deploy-dry-run"
    cfgs = [(job.cfg_path, False), (job.one_cfg_path, True)][: 1 + simulate]
    scripts = [job.tools.convert(cfg, simulate=mode) for cfg, mode in cfgs]
    argvs = scripts if direct is None else [["(convert.sh is left out: ConvertTool, calibrator, compiler)"]]
    wrapped = [job.tools.runtime.wrap(argv, cwd=job.tree.models_dir, name=name) for argv in argvs]
    return [f"cd {shlex.quote(str(job.tree.models_dir))}", *(shlex.join(argv) for argv in wrapped)]
