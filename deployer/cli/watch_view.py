"""What runs now, drawn for a terminal or told line by line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from deployer.cli.console import results
from deployer.history import Entry
from deployer.serving import running
from deployer.serving.pages import duration, number
from deployer.serving.running import Now
from deployer.under_way.record import Standing, Task

_MARKS = {"running": "[green]runs[/]", "gone": "[red]gone[/]", "elsewhere": "[yellow]elsewhere[/]"}


def print_now(now: Now, board: str | None) -> None:
    """Once."""
    results().print(drawn(now, board))


def live(look: Callable[[], Now], board: str | None, *, ticks: Iterator[None]) -> None:
    """In place, at each tick, until interrupted."""
    with Live(console=results(), auto_refresh=False, screen=False) as shown:
        for _ in ticks:
            shown.update(drawn(look(), board), refresh=True)


def drawn(now: Now, board: str | None) -> RenderableType:
    """A table a command, a row a board at work, and the last runs below; it fits into 80 columns."""
    parts: list[RenderableType] = []
    for standing in now.under_way:
        parts += [Text.from_markup(_head(standing)), _table(standing, board)]
        parts += [Text.from_markup(line) for line in _remarks(standing, board)]
    if not parts:
        parts.append(Text("nothing runs"))
    return Group(*parts, _last(now.last) if now.last else Text("no run yet"))


class Lines:
    """What is worth a line since the last view: a command that begins, goes on, ends or is gone, and new runs."""

    def __init__(self, board: str | None, *, every_s: float) -> None:
        self._board, self._every_s = board, every_s
        self._known: dict[str, tuple[str, float]] = {}
        self._last: set[str] | None = None

    def of(self, now: Now) -> Iterator[str]:
        """The lines."""
        there = {standing.told.id: standing for standing in now.under_way}
        for id, standing in there.items():
            yield from self._of_one(id, standing)
        for id in [id for id in self._known if id not in there]:
            del self._known[id]
            yield f"ended      process {id.partition('-')[0]}"
        fresh = [] if self._last is None else [run for run in now.last if run.id not in self._last]
        self._last = {run.id for run in now.last}
        for run in reversed(fresh):
            median = "" if run.headline.median_ms is None else f", median {run.headline.median_ms:.3f} ms"
            yield f"kept       {run.id}: {run.model} on {run.board or 'this host'}{median}"

    def _of_one(self, id: str, standing: Standing) -> Iterator[str]:
        step = " ".join(f"{task.board}:{task.step}:{task.state}" for task in standing.told.tasks)
        key = f"{standing.state} {step}"
        before, said_s = self._known.get(id, ("", 0.0))
        goes_on = standing.state != "gone" and time.monotonic() - said_s >= self._every_s
        if key != before or goes_on:
            self._known[id] = (key, time.monotonic())
            for task in _tasks(standing, self._board):
                yield _line(standing, task)


def _tasks(standing: Standing, board: str | None) -> list[Task]:
    tasks = standing.told.tasks
    return [task for task in tasks if running.is_shown(task, tasks, board)]


def _head(standing: Standing) -> str:
    told = standing.told
    mark = _MARKS[standing.state]
    if standing.state == "gone":
        mark += f" without a word {duration(standing.silent_s)} ago"
    elif standing.is_silent:
        mark += f", [yellow]silent for {duration(standing.silent_s)}[/]"
    where = f" on {escape(told.process.host)}" if standing.state == "elsewhere" else ""
    return (
        f"{mark}  [bold]deploy {escape(told.command)}[/] of {escape(told.model)}, "
        f"{duration(standing.took_s)}, process {told.process.pid}{where}"
    )


def _table(standing: Standing, board: str | None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("board", "step"):
        table.add_column(name, overflow="fold", min_width=6)
    table.add_column("done", no_wrap=True)
    for name in ("rate", "left", "failed", "median ms"):
        table.add_column(name, justify="right", no_wrap=True)
    for task in _tasks(standing, board):
        failed = "-" if task.failed is None else f"[red]{task.failed}[/]" if task.failed else "0"
        table.add_row(
            escape(task.board or "-"),
            escape(task.step) if task.state == "running" else task.state,
            running.amount(task),
            running.rate(task) or "-",
            duration(standing.left_s(task)),
            failed,
            number(task.median_ms),
        )
    return table


def _remarks(standing: Standing, board: str | None) -> Iterator[str]:
    """Why a board failed, and the latest warning of each."""
    for task in _tasks(standing, board):
        on = f"{escape(task.board)}: " if task.board else ""
        if task.state not in ("running", "done"):
            yield f"  [red]{on}{escape(task.note)}[/]"
        elif task.last_warning:
            yield f"  [yellow]{on}{escape(task.last_warning)}[/]"


def _last(runs: Sequence[Entry]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("last runs", no_wrap=True)
    for name in ("model", "board"):
        table.add_column(name, overflow="fold")
    for name in ("failed", "median ms", "metric"):
        table.add_column(name, justify="right", no_wrap=True)
    for run in runs:
        found = run.headline
        table.add_row(
            escape(run.id),
            escape(run.model),
            escape(run.board or "-"),
            number(found.failed, 0),
            number(found.median_ms),
            number(found.value),
        )
    return table


def _line(standing: Standing, task: Task) -> str:
    on = f" on {task.board}" if task.board else ""
    words = [running.amount(task), running.rate(task)]
    left_s = standing.left_s(task)
    words += [f"{duration(left_s)} left"] if left_s is not None else []
    words += [f"{task.failed} failed"] if task.failed else []
    words += [f"median {task.median_ms:.3f} ms"] if task.median_ms is not None else []
    words += [task.note] if task.note else []
    state: str = "runs" if standing.state == "running" else standing.state
    if standing.is_silent and state != "gone":
        state = "silent"
    step = task.step if task.state == "running" else task.state
    said = ", ".join(word for word in words if word)
    return f"{state:<10} {standing.told.command}{on}: {step}{f', {said}' if said else ''}"
