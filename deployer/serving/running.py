"""What runs now and what ran last, for the page and the terminal alike."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deployer.history import Entry, Filter, History
from deployer.under_way import record
from deployer.under_way.reading import read
from deployer.under_way.record import Standing, Task

LAST = 5
"""Runs that are shown below what runs now."""


@dataclass(frozen=True, kw_only=True)
class Now:
    """A moment's view, optionally of one board alone."""

    at_s: float
    under_way: tuple[Standing, ...]
    last: tuple[Entry, ...]

    @property
    def in_words(self) -> str:
        """For those who hear the page: what runs, without figures that change all the time."""
        running = [each for each in self.under_way if each.state != "gone"]
        if not running:
            return "Nothing runs."
        return f"{len(running)} under way: {', '.join(_name(each) for each in running)}."


def now(state_dir: Path, history: History, *, board: str | None = None) -> Now:
    """Raises what the history does where it cannot be read."""
    return Now(
        at_s=time.time(),
        under_way=tuple(read(state_dir, board=board)),
        last=tuple(history.find(Filter(board=board), limit=LAST)),
    )


def as_data(found: Now) -> dict[str, Any]:
    """For programs."""
    return {
        "at_s": found.at_s,
        "under_way": [record.as_data(each) for each in found.under_way],
        "last": [asdict(each) for each in found.last],
    }


def amount(task: Task) -> str:
    """`41 of 100 runs`, `1.2 of 3.4 MB`; empty before the step has come so far."""
    if not task.step or task.state != "running":
        return ""
    if task.unit == "B":
        of = f" of {task.total / 1e6:.1f}" if task.total else ""
        return f"{task.done / 1e6:.1f}{of} MB"
    return f"{task.done}{f' of {task.total}' if task.total else ''} {task.unit}".rstrip()


def rate(task: Task) -> str:
    """`12.3 runs/s`; empty where there is none."""
    if task.per_s is None or task.state != "running":
        return ""
    if task.unit == "B":
        return f"{task.per_s / 1e6:.2f} MB/s"
    return f"{task.per_s:.3g} {task.unit or 'steps'}/s"


def is_shown(task: Task, tasks: Sequence[Task], board: str | None = None) -> bool:
    """Of a command over many boards those on `board`, or all; its own task only where it has nothing else."""
    if board is not None:
        return task.board == board
    return task.board is not None or len(tasks) == 1


def _name(standing: Standing) -> str:
    boards = [task.board for task in standing.told.tasks if task.board]
    on = f" on {boards[0]}" if len(boards) == 1 else f" on {len(boards)} boards" if boards else ""
    return f"{standing.told.command}{on}"
