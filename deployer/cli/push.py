"""`deploy push`."""

from __future__ import annotations

from dataclasses import asdict

import click

from deployer import pipeline
from deployer.cli.options import Session, board, common, dry_run
from deployer.project import Project
from deployer.push import PushReport


@click.command("push")
@board
@dry_run
@common
def command(session: Session, board_name: str | None, dry_run: bool) -> None:
    """Copy the program, the model and the wavs to the board: only what differs, each file whole."""
    project = Project(session.deployment)
    with session.progress() as emit:
        report = pipeline.push(project, session.deployment.board(board_name), dry_run=dry_run, emit=emit)

    show(session, report)


def dry_run_only(session: Session, project: Project, board_name: str | None) -> None:
    """What a command that pushes first would send; it would then start the program, which changes nothing else."""
    with session.progress() as emit:
        config = session.deployment.board(board_name)
        show(session, pipeline.push(project, config, dry_run=True, emit=emit))


def show(session: Session, report: PushReport) -> None:
    """What was sent or, after a dry run, what would be."""

    def text() -> None:
        verb = "would send" if report.dry_run else "sent"
        for name in report.sent:
            click.echo(f"{verb} {name}")
        click.echo(f"{len(report.sent)} {verb}, {len(report.unchanged)} unchanged, in {report.directory}")

    session.show(asdict(report), text)
