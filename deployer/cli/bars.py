"""Events as rich bars on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from deployer.cli.lines import line_of
from deployer.events import Advanced, Emit, Event, Finished, Logged, Skipped, Started


@contextmanager
def bars(verbosity: int) -> Iterator[Emit]:
    """A sink that draws on stderr until the block ends."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True) as drawn:
        yield _Terminal(console, drawn, verbosity)


class _Terminal:
    def __init__(self, console: Console, drawn: Progress, verbosity: int) -> None:
        self._console, self._bars, self._verbosity = console, drawn, verbosity
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
        if line := line_of(event):
            self._console.print(Text.from_ansi(line), highlight=False, soft_wrap=True)
