"""`deploy bench`."""

from __future__ import annotations

from typing import Any

import click

from deployer import at_work, report
from deployer.cli import bench_models, fleet
from deployer.cli import push as push_command
from deployer.cli.console import results
from deployer.cli.options import Asked, Session, boards, common, dry_run
from deployer.errors import CheckFailed
from deployer.project import Project


@click.command("bench")
@boards
@dry_run
@click.option("--runs", type=click.IntRange(min=1), help="Runs of each clip.")
@click.option(
    "--min-accuracy", type=click.FloatRange(0, 1), help="Exit with 1 below this share of right clips."
)
@click.option(
    "--all-models",
    is_flag=True,
    help="Time every model on this host, beside ONNX Runtime and PyTorch; asks no board.",
)
@click.option(
    "--model", "wanted", multiple=True, help="With --all-models: this one alone; several may be given."
)
@common
def command(
    session: Session,
    asked: Asked,
    *,
    dry_run: bool,
    runs: int | None,
    min_accuracy: float | None,
    all_models: bool,
    wanted: tuple[str, ...],
) -> None:
    """Run every clip on the board, or on many, several times; pushes what is missing, keeps each as a run."""
    if all_models or wanted:
        bench_models.show(session, runs=runs, wanted=wanted)
        return
    project = Project(session.deployment)
    if dry_run:
        push_command.push(session, project, asked, dry_run=True, command="bench")
    elif asked.many:
        _many(session, project, asked, runs=runs, min_accuracy=min_accuracy)
    else:
        with session.progress() as emit:
            done = at_work.bench(project, asked.one(session), runs=runs, emit=emit)
        session.show(report.as_data(done.record), lambda: show(done))
        done.raise_failure()
        judge(done, min_accuracy)


def show(done: at_work.Benched) -> None:
    """The table, the figures under it, and the name of the run."""
    console = results()
    if done.record.samples:
        console.print(report.clip_table(done.record))
    for line in report.summary_lines(done.record):
        console.print(line)
    console.print(f"run: {done.record.id}")


def judge(done: at_work.Benched, min_accuracy: float | None) -> None:
    """Raise CheckFailed when the bench stays under the asked accuracy."""
    from deployer.statistics import summarise

    summary = summarise(done.record)
    if min_accuracy is None or summary is None:
        return
    if summary.accuracy is None or summary.accuracy < min_accuracy:
        raise CheckFailed(f"accuracy {report.accuracy_text(summary)}, asked for {min_accuracy:.0%}")


def _many(
    session: Session, project: Project, asked: Asked, *, runs: int | None, min_accuracy: float | None
) -> None:
    files = push_command.prepared(session, project)

    def judged(done: at_work.Benched) -> None:
        done.raise_failure()
        judge(done, min_accuracy)

    work = fleet.Work(
        command="bench",
        job=lambda config, emit: at_work.bench(project, config, runs=runs, files=files, emit=emit),
        columns=("accuracy", "invoke ms, median", "p95", "runs", "failed", "record"),
        row=_row,
        data=_data,
        judge=judged,
    )
    fleet.over(session, asked, work)


def _row(done: at_work.Benched) -> tuple[str, ...]:
    from deployer.statistics import summarise

    summary = summarise(done.record)
    runs, failed = str(len(done.record.samples)), str(len(done.record.failures))
    if summary is None:
        return ("-", "-", "-", runs, failed, done.record.id)
    invoke = summary.invoke
    times = (f"{invoke.median_ms:.3f}", f"{invoke.p95_ms:.3f}")
    return (report.accuracy_text(summary), *times, runs, failed, done.record.id)


def _data(done: at_work.Benched) -> dict[str, Any]:
    return report.as_data(done.record)
