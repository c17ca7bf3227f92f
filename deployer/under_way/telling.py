"""Events -> the file that tells other processes of this one. The work goes first: it never fails, hardly costs."""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from deployer import whole_file
from deployer.events import Advanced, Event, Finished, Skipped, Started, Warned
from deployer.under_way import process
from deployer.under_way.pace import Pace
from deployer.under_way.reading import FOLDER, read
from deployer.under_way.record import Task, UnderWay, as_json

EVERY_S = 0.3
"""The file is written no more often than this; a step's begin and end are told at once."""

_MOST_SHARE = 0.01
"""Nor may writing take more than this share of the time, however many boards there are or slow the disk is."""

_KEPT_S = 24 * 3600.0
"""How long what a killed process left is kept to be seen."""


@dataclass
class _Known:
    """A task as it stands, and the pace of its present step."""

    task: Task
    pace: Pace = field(default_factory=lambda: Pace(None))


class Teller:
    """Takes the events of one command, of one board or many. Nothing is written before its first `Started`.

    Errors of the disk are no fault of the command, so they are passed over.
    """

    def __init__(self, state_dir: Path, *, command: str, model: str) -> None:
        self._state_dir = state_dir
        self._process = process.this_one()
        self._id = f"{self._process.pid}-{secrets.token_hex(4)}"
        self._command, self._model = command, model
        self._began_s = time.time()
        self._known: dict[str | None, _Known] = {}
        self._next_s = 0.0
        self._wanted = self._told = self._closed = False

    def take(self, event: Event, *, board: str | None = None) -> None:
        """An event of a board, or of the command itself."""
        known = self._known.get(board)
        if known is None:
            known = self._known[board] = _Known(task=_task(board))
        match event:
            case Started():
                known.pace = Pace(event.total)
                known.task = replace(
                    _task(board),
                    step=event.step,
                    total=event.total,
                    unit=event.unit,
                    warnings=known.task.warnings,
                    last_warning=known.task.last_warning,
                )
                self._write(at_once=event.total != 0)
            case Advanced():
                self._advance(known, event)
                self._write()
            case Warned():
                known.task = replace(known.task, warnings=known.task.warnings + 1, last_warning=event.message)
                self._write()
            case Finished() | Skipped() if event.note:
                known.task = replace(known.task, step=event.step, note=event.note, left_s=None)
                self._write()

    def begin(self, board: str) -> None:
        """Work on one of many boards begins."""
        self._known[board] = _Known(task=_task(board))
        self._write()

    def end(self, board: str, state: str, message: str = "") -> None:
        """A board is through: how it fared, and why."""
        task = self._known.setdefault(board, _Known(task=_task(board))).task
        self._known[board].task = replace(task, state=state, note=message or task.note, left_s=None)
        self._write()

    def close(self) -> None:
        """Take the file away; what a thread still says is not told."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
            self._path.parent.rmdir()  # which fails where another command tells of itself

    @property
    def _path(self) -> Path:
        return self._state_dir / FOLDER / f"{self._id}.json"

    def _advance(self, known: _Known, event: Advanced) -> None:
        task = known.task
        if (event.step, event.total) != (task.step, task.total):  # one that never said that it began
            known.pace = Pace(event.total)
            task = replace(_task(task.board), warnings=task.warnings, last_warning=task.last_warning)
        rate = known.pace.measured(event.done, time.monotonic())
        known.task = replace(
            task,
            step=event.step,
            done=event.done,
            total=event.total,
            note=event.note,
            failed=event.failed,
            median_ms=event.median_ms,
            per_s=rate.per_s if rate else task.per_s,
            left_s=rate.left_s if rate else task.left_s,
            moved_s=time.time(),
        )

    def _write(self, *, at_once: bool = False) -> None:
        begun = time.monotonic()
        self._wanted |= at_once
        if self._closed or not self._wanted or (begun < self._next_s and not at_once):
            return
        told = UnderWay(
            id=self._id,
            command=self._command,
            model=self._model,
            process=self._process,
            began_s=self._began_s,
            told_s=time.time(),
            tasks=tuple(known.task for known in self._known.values()),
        )
        with contextlib.suppress(OSError):
            self._put(as_json(told))
        now = time.monotonic()
        self._next_s = now + max(EVERY_S, (now - begun) / _MOST_SHARE)

    def _put(self, text: bytes) -> None:
        if not self._told:
            self._path.parent.mkdir(exist_ok=True)  # a project without a state folder yet gets none for this
            self._sweep()
        whole_file.write(self._path, text)
        self._told = True

    def _sweep(self) -> None:
        """What processes that were killed left long ago."""
        for standing in read(self._state_dir):
            if standing.state != "running" and standing.silent_s > _KEPT_S:
                (self._state_dir / FOLDER / f"{standing.told.id}.json").unlink(missing_ok=True)


def _task(board: str | None) -> Task:
    now_s = time.time()
    return Task(board=board, began_s=now_s, moved_s=now_s)
