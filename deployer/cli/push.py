"""`deploy push`."""

from __future__ import annotations

from dataclasses import asdict

import click

from deployer import pipeline
from deployer.cli.options import Session, board, common, dry_run
from deployer.project import Project


@click.command("push")
@board
@dry_run
@common
def command(session: Session, board_name: str | None, dry_run: bool) -> None:
    """Copy the program, the model and the wavs to the board: only what differs, each file whole."""
    project = Project(session.deployment)
    with session.progress() as emit:
        report = pipeline.push(project, session.deployment.board(board_name), dry_run=dry_run, emit=emit)

    def text() -> None:
        verb = "would send" if dry_run else "sent"
        for name in report.sent:
            click.echo(f"{verb} {name}")
        click.echo(f"{len(report.sent)} {verb}, {len(report.unchanged)} unchanged, in {report.directory}")

    session.show(asdict(report), text)
