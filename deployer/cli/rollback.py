"""`deploy rollback`."""

from __future__ import annotations

from dataclasses import asdict

import click

from deployer import on_board
from deployer.cli import fleet
from deployer.cli.options import Asked, Session, boards, common, dry_run
from deployer.release.keeping import RolledBack


@click.command("rollback")
@boards
@dry_run
@common
def command(session: Session, asked: Asked, dry_run: bool) -> None:
    """Make the release before the current one current again, after checking that it is whole."""
    work = fleet.Work(
        command="rollback",
        job=lambda config, emit: on_board.rollback(config, dry_run=dry_run, emit=emit),
        columns=("step",),
        row=lambda done: (_words(done),),
        data=asdict,
    )
    fleet.one_or_over(session, asked, work, lambda done: click.echo(f"{done.board}: {_words(done)}"))


def _words(done: RolledBack) -> str:
    verb = "would go" if done.dry_run else "went"
    return f"{verb} back from {done.before} to {done.release}"
