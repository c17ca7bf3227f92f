"""What is told of a command under way, as JSON; times are seconds since 1970 by the teller's clock."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from board_runner.errors import InputError
from deployer.under_way.process import Process
from toolchain_wrappers import intake

VERSION = 1

State = Literal["running", "gone", "elsewhere"]

SILENT_S = 30.0
"""Longer than this without a word is worth a remark: a run may hang, or a machine be lost."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A step under way on one board; without a board the command's own.

    `state` is `running`, or how the board fared. `per_s` and `left_s` are of when it last got on (`moved_s`).
    `failed` and `median_ms` (of the latest invoke times) are a bench's.
    """

    board: str | None
    step: str = ""
    state: str = "running"
    done: int = 0
    total: int | None = None
    unit: str = ""
    note: str = ""
    failed: int | None = None
    median_ms: float | None = None
    per_s: float | None = None
    left_s: float | None = None
    warnings: int = 0
    last_warning: str = ""
    began_s: float
    moved_s: float

    @property
    def share(self) -> float | None:
        """From 0 to 1; None without a known end."""
        return min(1.0, self.done / self.total) if self.total else None


@dataclass(frozen=True, kw_only=True)
class UnderWay:
    """One command, as its file has it. `told_s`: when it last wrote."""

    id: str
    command: str
    model: str
    process: Process
    began_s: float
    told_s: float
    tasks: tuple[Task, ...]
    version: int = VERSION


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One command as a reader finds it at `now_s`.

    `gone`: its process ended without taking its file away, as a kill or a power cut does. `elsewhere`: of another
    machine, so that only `silent_s` tells.
    """

    told: UnderWay
    state: State
    now_s: float

    @property
    def silent_s(self) -> float:
        """How long nothing was heard of it."""
        return max(0.0, self.now_s - self.told.told_s)

    @property
    def is_silent(self) -> bool:
        """Whether that is worth a remark."""
        return self.silent_s > SILENT_S

    @property
    def took_s(self) -> float:
        """Since it began; of one that is gone, until its last word."""
        end = self.told.told_s if self.state == "gone" else self.now_s
        return max(0.0, end - self.told.began_s)

    def left_s(self, task: Task) -> float | None:
        """What is left of a task by now; None where nobody can tell."""
        if task.left_s is None or self.state == "gone" or task.state != "running":
            return None
        return max(0.0, task.left_s - max(0.0, self.now_s - task.moved_s))


def as_json(told: UnderWay) -> bytes:
    """One line."""
    return json.dumps(asdict(told), ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def as_data(standing: Standing) -> dict[str, Any]:
    """For `--json`: what is told, and what a reader makes of it."""
    told = standing.told
    return {
        **asdict(told),
        "state": standing.state,
        "silent_s": round(standing.silent_s, 1),
        "took_s": round(standing.took_s, 1),
        "tasks": [
            {**asdict(task), "left_s": _rounded(standing.left_s(task)), "share": task.share}
            for task in told.tasks
        ],
    }


def of_json(text: bytes, *, place: str) -> UnderWay:
    """What a file holds. Raises InputError, which names `place`, for anything else."""
    try:
        told = intake.record(UnderWay, json.loads(text))
    except (ValueError, RecursionError) as e:  # no JSON, or of another kind
        raise InputError(f"{place}: tells of no command of this deploy") from e
    if told.version != VERSION:
        raise InputError(f"{place}: told by another version of deploy")
    return told


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
