"""`deploy tune`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich import box
from rich.table import Table

from deployer.cli.console import results
from deployer.cli.options import Session, common, dry_run, scheduler
from deployer.errors import ConfigError
from deployer.project import Project
from deployer.tuning import apply as tune_apply
from deployer.tuning import plot as tune_plot
from deployer.tuning import tune
from deployer.tuning.candidates import Limits, Result
from deployer.tuning.lab import clips_of
from deployer.tuning.tune import Tuned


@click.command("tune")
@click.option("--min-sqnr-db", type=float, help="Choose the smallest with at least this SQNR against float.")
@click.option("--max-bytes", type=click.IntRange(min=1), help="Choose among images of at most this size.")
@click.option("--apply", "do_apply", is_flag=True, help="Put the choice into deploy.yaml.")
@click.option("--plot/--no-plot", default=True, help="Draw the front as an SVG.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Where the results go.")
@scheduler
@dry_run
@common
def command(
    session: Session,
    *,
    min_sqnr_db: float | None,
    max_bytes: int | None,
    do_apply: bool,
    plot: bool,
    out: Path | None,
    scheduler_address: str | None,
    dry_run: bool,
) -> None:
    """Try levels, range methods and 8 or 16 bits by convolution, and choose.

    Calibrates on audio.calibration and judges on the clips that are not among them. The speed is that of this
    machine's simulator (with --scheduler: of a worker's), not of a board.
    """
    project = Project(session.deployment)
    if dry_run:
        plan = _plan(project)
        session.show(plan, lambda: _show_plan(plan))
        return
    path = session.deployment.path
    if do_apply and path is None:
        raise ConfigError("--apply has no deploy.yaml to write to", hint="`deploy init` writes one")
    folder = out or project.deployment.state_dir / "tune"
    with session.progress() as emit:
        tuned = tune.tune(
            project,
            Limits(min_sqnr_db=min_sqnr_db, max_bytes=max_bytes),
            out=folder,
            scheduler=scheduler_address,
            emit=emit,
        )
    if plot:
        tune_plot.draw(tuned, folder / tune_plot.PLOT)
    if do_apply and path is not None:
        tune_apply.apply(path, tuned.conv_format, tuned.tensor_arrays)
    session.show(tune.as_data(tuned), lambda: show(tuned, applied=path if do_apply else None))


def _plan(project: Project) -> dict[str, Any]:
    clips = clips_of(project)
    return {
        "candidates": [candidate.name for candidate in tune.planned(project)],
        "calibration_clips": len(clips.calibration),
        "judged_clips": len(clips.judged),
        "judged_on_calibration": clips.same,
    }


def _show_plan(plan: dict[str, Any]) -> None:
    click.echo(f"would try: {', '.join(plan['candidates'])}")
    where = "the same clips" if plan["judged_on_calibration"] else f"{plan['judged_clips']} other clips"
    click.echo(f"calibrated on {plan['calibration_clips']} clips, judged on {where}")


def show(tuned: Tuned, *, applied: Path | None) -> None:
    """A row a candidate, then the choice as the ini holds it."""
    table = Table(title="accuracy, size and speed", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("candidate")
    table.add_column("convolutions")
    for name in ("SQNR dB", "worst clip", "top-1", "eat.img bytes", "ms" if tuned.on_cluster else "ms here"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for result in tuned.results:
        table.add_row(*_cells(result, tuned))
    whose = "a worker" if tuned.on_cluster else "this machine"
    table.caption = f"SQNR and top-1 against float; ms: median of {whose}'s simulator, not of a board"
    table.caption_justify = "left"
    console = results()
    console.print(table)
    click.echo(f"chosen: {tuned.choice.result.candidate.name}, {tuned.choice.why}\n\n{tuned.conv_config}")
    click.echo(
        f"files: {tuned.folder}" + (f"\nwritten to {applied}: `deploy convert` uses it" if applied else "")
    )


def _cells(result: Result, tuned: Tuned) -> list[str]:
    name = result.candidate.name
    marks = ["front"] if name in tuned.front else []
    marks += ["[green]chosen[/]"] if name == tuned.choice.result.candidate.name else []
    return [
        name,
        result.candidate.conv_bits,
        f"{result.sqnr_db:.1f}",
        f"{result.sqnr_worst_db:.1f}",
        f"{result.top1_agreement:.0%}",
        f"{result.image_bytes}",
        f"{result.invoke_ms:.0f}",
        ", ".join(marks),
    ]
