"""Many boards at work: one live table on a terminal, a line a board elsewhere; both on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from deployer.events import Advanced, Event, Finished, Logged, Started, Warned
from deployer.fleet.outcome import Outcome, State
from deployer.fleet.runner import Began, FleetEmit

_REFRESH_HZ = 8
_SPARE_LINES = 6
"""Lines of the terminal that the table leaves for its head, its frame and what came before."""

MARKS = {
    State.DONE: "[green]✓[/]",
    State.FAILED: "[red]✗[/]",
    State.INTERRUPTED: "[yellow]■[/]",
    State.NOT_STARTED: "[dim]·[/]",
}


@contextmanager
def fleet_view(total: int, *, verbosity: int) -> Iterator[FleetEmit]:
    """A sink that draws until the block ends; `verbosity` -1 shows warnings only, 1 what the boards say too."""
    console = Console(stderr=True)
    if verbosity >= 0 and console.is_terminal and sys.stderr.isatty():
        table = LiveTable(total, console, verbosity)
        with Live(get_renderable=table.draw, console=console, refresh_per_second=_REFRESH_HZ, transient=True):
            yield table
    else:
        yield _Lines(total, console, verbosity)


def seconds(duration_s: float) -> str:
    """A time as the tables show it."""
    return f"{duration_s:.1f} s"


def _said(console: Console, board: str, event: object, verbosity: int) -> None:
    """Warnings always, what a board's programs say with `-v`."""
    if isinstance(event, Warned):
        line = f"[yellow]warning:[/] {escape(board)}: {escape(event.step)}: {escape(event.message)}"
    elif isinstance(event, Logged) and verbosity > 0:
        line = f"[dim]  | {escape(board)}: {escape(event.line)}[/]"
    elif isinstance(event, Finished) and verbosity > 0:
        line = f"  {escape(board)}: {escape(event.step)}" + (f": {escape(event.note)}" if event.note else "")
    else:
        return
    console.print(line, highlight=False, soft_wrap=True)


class _Lines:
    def __init__(self, total: int, console: Console, verbosity: int) -> None:
        self._total, self._console, self._verbosity = total, console, verbosity
        self._through = 0

    def __call__(self, board: str, event: Event | Began | Outcome[Any]) -> None:
        _said(self._console, board, event, self._verbosity)
        if not isinstance(event, Outcome):
            return
        self._through += 1
        if self._verbosity >= 0:
            count = f"[dim]{self._through}/{self._total}[/]"
            what = f": {escape(event.trouble.message)}" if event.trouble else f", {seconds(event.duration_s)}"
            line = f"{MARKS[event.state]} {count} {escape(board)}{what}"
            self._console.print(line, highlight=False, soft_wrap=True)


@dataclass
class _Row:
    """What the table knows of a board that is being worked on."""

    address: str
    began_at: float
    step: str = ""
    share: str = ""
    note: str = ""


class LiveTable:
    """Shows who is at work and who failed; who is done is a number, so that 256 boards fit a screen."""

    def __init__(self, total: int, console: Console, verbosity: int) -> None:
        self._total, self._console, self._verbosity = total, console, verbosity
        self._at_work: dict[str, _Row] = {}
        self._ended: dict[State, int] = {}
        self._failed: list[Outcome[Any]] = []
        self._started_at = time.monotonic()

    def __call__(self, board: str, event: Event | Began | Outcome[Any]) -> None:
        _said(self._console, board, event, self._verbosity)
        if isinstance(event, Began):
            self._at_work[board] = _Row(address=event.address, began_at=time.monotonic())
        elif isinstance(event, Outcome):
            self._at_work.pop(board, None)
            self._ended[event.state] = self._ended.get(event.state, 0) + 1
            if event.state is State.FAILED:
                self._failed.append(event)
        elif board in self._at_work:
            self._step(self._at_work[board], event)

    def _step(self, row: _Row, event: Event) -> None:
        if isinstance(event, Started):
            row.step, row.share, row.note = event.step, "", ""
        elif isinstance(event, Advanced):
            row.step, row.note = event.step, event.note
            row.share = f"{event.done / event.total:4.0%}" if event.total else str(event.done)
        elif isinstance(event, Finished):
            row.share, row.note = "", event.note

    def draw(self) -> Table:
        """The table as it stands, no higher than the terminal."""
        table = Table(title=self._title(), title_justify="left", box=None, pad_edge=False)
        for column in ("", "board", "step", "", "", "time"):
            table.add_column(column, no_wrap=True)
        room = max(self._console.height - _SPARE_LINES, 4)
        now = time.monotonic()
        # Copies: the drawing thread reads what the running one changes.
        rows = [
            ("[cyan]…[/]", escape(name), row.step, row.share, escape(row.note), seconds(now - row.began_at))
            for name, row in list(self._at_work.items())
        ]
        failed = [
            (MARKS[o.state], escape(o.board), "", "", escape(o.trouble.message if o.trouble else ""), "")
            for o in list(self._failed)[-(room // 2) :]
        ]
        for cells in [*rows[: room - len(failed)], *failed]:
            table.add_row(*cells)
        hidden = len(rows) + len(failed) - room
        if hidden > 0:
            table.add_row("", f"[dim]{hidden} more at work[/]")
        return table

    def _title(self) -> str:
        ended = list(self._ended.items())
        through = sum(count for _, count in ended)
        parts = [f"{through} of {self._total} boards", *(f"{count} {state.value}" for state, count in ended)]
        return f"[bold]{', '.join(parts)}[/], {seconds(time.monotonic() - self._started_at)}"
