"""`deploy bench`."""

from __future__ import annotations

import click

from deployer import pipeline, report
from deployer.cli import push as push_command
from deployer.cli.console import results
from deployer.cli.options import Session, board, common, dry_run
from deployer.errors import CheckFailed
from deployer.project import Project


@click.command("bench")
@board
@dry_run
@click.option("--runs", type=click.IntRange(min=1), help="Runs of each clip.")
@click.option(
    "--min-accuracy", type=click.FloatRange(0, 1), help="Exit with 1 below this share of right clips."
)
@common
def command(
    session: Session, board_name: str | None, dry_run: bool, runs: int | None, min_accuracy: float | None
) -> None:
    """Run every clip on the board several times; pushes what is missing and saves a run record."""
    project = Project(session.deployment)
    if dry_run:
        push_command.dry_run_only(session, project, board_name)
        return
    with session.progress() as emit:
        done = pipeline.bench(project, session.deployment.board(board_name), runs=runs, emit=emit)
    session.show(report.as_data(done.record), lambda: show(done))
    done.raise_failure()
    judge(done, min_accuracy)


def show(done: pipeline.Benched) -> None:
    """The table, the figures under it, and where the record lies."""
    console = results()
    if done.record.samples:
        console.print(report.clip_table(done.record))
    for line in report.summary_lines(done.record):
        console.print(line)
    console.print(f"record: {done.path}")


def judge(done: pipeline.Benched, min_accuracy: float | None) -> None:
    """Raise CheckFailed when the bench stays under the asked accuracy."""
    from deployer.statistics import summarise

    summary = summarise(done.record)
    if min_accuracy is None or summary is None:
        return
    if summary.accuracy is None or summary.accuracy < min_accuracy:
        raise CheckFailed(f"accuracy {report.accuracy_text(summary)}, asked for {min_accuracy:.0%}")
