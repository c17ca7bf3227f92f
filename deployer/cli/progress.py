"""Events drawn: bars on a terminal (`bars`), plain lines elsewhere; both on stderr, so that stdout is results."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deployer.cli.lines import line_of
from deployer.events import Advanced, Emit, Event, Logged, Warned, ignore

if TYPE_CHECKING:
    from deployer.fleet.outcome import Outcome
    from deployer.fleet.runner import Began, FleetEmit

PLAIN_INTERVAL_S = 5.0
"""Without a terminal a long step says where it is this often, not at every unit."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """`verbosity` -1 shows warnings only, 0 steps, 1 and above the tools' own lines too."""

    verbosity: int = 0

    @contextmanager
    def open(self) -> Iterator[Emit]:
        """A sink that draws until the block ends."""
        if self.verbosity < 0:
            yield _quiet
        elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            from deployer.cli.bars import (
                bars,  # rich takes as long to load as a push that finds nothing to do
            )

            with bars(self.verbosity) as draw:
                yield draw
        else:
            yield _Plain(self.verbosity)


@contextmanager
def event_log(path: Path | None) -> Iterator[Emit]:
    """A sink that writes a JSON object a line, each at once; without a path, one that forgets."""
    if path is None:
        yield ignore
        return
    with path.open("w", encoding="utf-8", buffering=1) as file:

        def write(event: Event) -> None:
            file.write(json.dumps({"event": type(event).__name__.lower(), **asdict(event)}) + "\n")

        yield write


@contextmanager
def fleet_log(path: Path | None) -> Iterator[FleetEmit]:
    """As `event_log`, for many boards: every line names its board."""
    from deployer.fleet.outcome import Outcome
    from deployer.fleet.runner import unwatched

    if path is None:
        yield unwatched
        return
    with path.open("w", encoding="utf-8", buffering=1) as file:

        def write(board: str, event: Event | Began | Outcome[Any]) -> None:
            if isinstance(event, Outcome):
                said: dict[str, Any] = {"state": event.state.value, "exit_code": event.exit_code}
            else:
                said = asdict(event)
            file.write(json.dumps({"event": type(event).__name__.lower(), "board": board, **said}) + "\n")

        yield write


def _quiet(event: Event) -> None:
    if isinstance(event, Warned):
        click.echo(line_of(event), err=True)


class _Plain:
    def __init__(self, verbosity: int) -> None:
        self._verbosity = verbosity
        self._said_at = time.monotonic()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Logged) and self._verbosity < 1:
            return
        line = line_of(event)
        if isinstance(event, Advanced) and time.monotonic() - self._said_at > PLAIN_INTERVAL_S:
            of = f" of {event.total}" if event.total else ""
            line = f"… {event.step}: {event.done}{of} {event.note}"
        if line:
            self._said_at = time.monotonic()
            click.echo(line, err=True)
