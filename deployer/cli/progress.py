"""Events drawn: rich bars on a terminal, plain lines elsewhere; both on stderr, so that stdout is results."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from deployer.events import Advanced, Emit, Event, Finished, Logged, Skipped, Started, Warned, ignore
from deployer.fleet.outcome import Outcome
from deployer.fleet.runner import Began, FleetEmit, unwatched

PLAIN_INTERVAL_S = 5.0
"""Without a terminal a long step says where it is this often, not at every unit."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """`verbosity` -1 shows warnings only, 0 steps, 1 and above the tools' own lines too."""

    verbosity: int = 0

    @contextmanager
    def open(self) -> Iterator[Emit]:
        """A sink that draws until the block ends."""
        console = Console(stderr=True)
        if self.verbosity < 0:
            yield lambda event: _quiet(console, event)
        elif console.is_terminal and sys.stderr.isatty():
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("[dim]{task.fields[note]}"),
            )
            with Bars(*columns, console=console, transient=True) as bars:
                yield _Terminal(console, bars, self.verbosity)
        else:
            yield _Plain(console, self.verbosity)


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


def _line(event: Event) -> str | None:
    """The one line that stays of an event; None for those that only move a bar."""
    match event:
        case Finished():
            return f"[green]✓[/] {escape(event.step)}" + (f": {escape(event.note)}" if event.note else "")
        case Skipped():
            return f"[dim]· {escape(event.step)}: {escape(event.note)}[/]"
        case Warned():
            return f"[yellow]warning:[/] {escape(event.step)}: {escape(event.message)}"
        case Logged():
            return f"[dim]  | {escape(event.line)}[/]"
        case _:
            return None


def _quiet(console: Console, event: Event) -> None:
    if isinstance(event, Warned) and (line := _line(event)):
        console.print(line, highlight=False, soft_wrap=True)


class _Terminal:
    def __init__(self, console: Console, bars: Bars, verbosity: int) -> None:
        self._console, self._bars, self._verbosity = console, bars, verbosity
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, Logged) and self._verbosity < 1:
            return
        if isinstance(event, Started):
            self._tasks[event.step] = self._bars.add_task(event.step, total=event.total, note="")
        elif isinstance(event, Advanced):
            if event.step not in self._tasks:
                self._tasks[event.step] = self._bars.add_task(event.step, total=event.total, note="")
            self._bars.update(
                self._tasks[event.step], completed=event.done, total=event.total, note=escape(event.note)
            )
        elif isinstance(event, Finished | Skipped) and event.step in self._tasks:
            self._bars.remove_task(self._tasks.pop(event.step))
        if line := _line(event):
            self._console.print(line, highlight=False, soft_wrap=True)


class _Plain:
    def __init__(self, console: Console, verbosity: int) -> None:
        self._console, self._verbosity = console, verbosity
        self._said_at = time.monotonic()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Logged) and self._verbosity < 1:
            return
        line = _line(event)
        if isinstance(event, Advanced) and time.monotonic() - self._said_at > PLAIN_INTERVAL_S:
            of = f" of {event.total}" if event.total else ""
            line = f"[dim]… {escape(event.step)}: {event.done}{of} {escape(event.note)}[/]"
        if line:
            self._said_at = time.monotonic()
            self._console.print(line, highlight=False, soft_wrap=True)
