"""`deploy gc`."""

from __future__ import annotations

from dataclasses import asdict

import click

from deployer import on_board
from deployer.cli import fleet
from deployer.cli.options import Asked, Session, boards, common, dry_run
from deployer.release.keeping import Collected


@click.command("gc")
@boards
@dry_run
@common
def command(session: Session, asked: Asked, dry_run: bool) -> None:
    """Remove from a board what nothing needs: cut-off transfers, releases beyond `keep:`, unused contents."""
    work = fleet.Work(
        command="gc",
        job=lambda config, emit: on_board.collect(config, dry_run=dry_run, emit=emit),
        columns=("would remove" if dry_run else "removed", "MB"),
        row=lambda done: (str(len(done.removed)), f"{done.bytes / 1e6:.1f}"),
        data=asdict,
    )
    fleet.one_or_over(session, asked, work, _text)


def _text(done: Collected) -> None:
    verb = "would remove" if done.dry_run else "removed"
    for path in done.removed:
        click.echo(f"{verb} {path}")
    click.echo(f"{done.board}: {len(done.removed)} {verb}, {done.bytes} bytes")
