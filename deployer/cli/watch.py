"""`deploy watch`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

import click

from deployer.cli.options import Session, common
from deployer.project import Project

EVERY_S = 0.5
"""How often it looks."""

LINE_EVERY_S = 5.0
"""Without a terminal: how often a command that goes on is told."""


@click.command("watch")
@click.option("--board", help="This board alone.")
@click.option("--once", is_flag=True, help="Show what there is now, and end.")
@common
def command(session: Session, *, board: str | None, once: bool) -> None:
    """Show what runs now in this project and what ran last, until Ctrl-C.

    A table on a terminal, elsewhere a line for each change; with --json a JSON object a line.
    """
    from deployer.cli import watch_view
    from deployer.serving import running

    project = Project(session.deployment)
    history = project.history()

    def look() -> running.Now:
        return running.now(project.deployment.state_dir, history, board=board)

    if once:
        found = look()
        session.show(running.as_data(found), lambda: watch_view.print_now(found, board))
        return
    try:
        if session.as_json:
            for data in _changes(running.as_data(look()) for _ in _ticks()):
                click.echo(data)
        elif sys.stdout.isatty():
            watch_view.live(look, board, ticks=_ticks())
        else:
            lines = watch_view.Lines(board, every_s=LINE_EVERY_S)
            for _ in _ticks():
                for line in lines.of(look()):
                    click.echo(line)
    except KeyboardInterrupt:
        return  # there is no other end


def _ticks() -> Iterator[None]:
    while True:
        yield
        time.sleep(EVERY_S)


def _changes(found: Iterator[dict[str, object]]) -> Iterator[str]:
    """Each view that is another than the one before but for its ages."""
    before = None
    for view in found:
        same = json.dumps(view, default=str, ensure_ascii=False)
        steady = json.dumps(_without_ages(view), default=str)
        if steady != before:
            yield same
        before = steady


def _without_ages(value: object) -> object:
    if isinstance(value, dict):
        ages = ("at_s", "silent_s", "took_s", "left_s")
        return {name: _without_ages(each) for name, each in value.items() if name not in ages}
    return [_without_ages(each) for each in value] if isinstance(value, list | tuple) else value
