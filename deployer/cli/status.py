"""`deploy status`."""

from __future__ import annotations

from dataclasses import asdict

import click

from deployer import on_board
from deployer.cli import fleet
from deployer.cli.options import Asked, Session, boards, common
from deployer.release.keeping import Status


@click.command("status")
@boards
@common
def command(session: Session, asked: Asked) -> None:
    """Show what a board holds: its release checked by content, what was cut off, room, and who is at work."""
    if not asked.many:
        found = on_board.status(asked.one(session))
        session.show(asdict(found), lambda: _text(found))
        return
    work = fleet.Work(
        command="status",
        job=lambda config, emit: on_board.status(config),
        columns=("release", "files", "state", "cut off", "lock"),
        row=lambda s: (
            s.current.id if s.current else "none",
            str(s.current.files) if s.current else "",
            _state(s),
            f"{s.staging_bytes / 1e6:.1f} MB" if s.staging_bytes else "",
            s.lock or "",
        ),
        data=asdict,
    )
    fleet.over(session, asked, work)


def _state(status: Status) -> str:
    if status.current is None:
        return "nothing pushed"
    return f"{len(status.current.damaged)} files damaged or missing" if status.current.damaged else "whole"


def _text(status: Status) -> None:
    current = status.current
    click.echo(f"{status.board}: {status.directory}")
    if current is None:
        click.echo("no release: deploy push")
    else:
        click.echo(f"release {current.id}: {current.files} files, {current.bytes} bytes, {_state(status)}")
        for name in current.damaged:
            click.echo(f"  not what was pushed: {name}")
        click.echo(
            f"rollback: {f'to {status.previous}' if status.previous else 'no release before it is kept'}"
        )
    for place, free_kib in status.free_kib.items():
        click.echo(f"free in {place}: {'unknown' if free_kib is None else f'{free_kib} KiB'}")
    if status.staging_bytes:
        click.echo(
            f"cut off on its way: {status.staging_bytes} bytes; the next push goes on with what it needs"
        )
    if status.unused_bytes:
        click.echo(f"unused: {status.unused_bytes} bytes; deploy gc removes them")
    click.echo(f"lock: {status.lock or 'free'}")
