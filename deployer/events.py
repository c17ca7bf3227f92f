"""The one stream from which progress bars, plain lines, JSON lines and later a live view are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, kw_only=True)
class Started:
    """A step has begun; `total` counts its units where that is known."""

    step: str
    total: int | None = None
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Advanced:
    """`done` units of a step are through; `note` names the latest (a clip, a file, a stage).

    Of a bench: how many runs `failed` so far, and the median of the latest invoke times.
    """

    step: str
    done: int
    total: int | None = None
    note: str = ""
    failed: int | None = None
    median_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A step has ended well; `note` is its one-line result."""

    step: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A step was not needed; `note` says why."""

    step: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Warned:
    """Something the operator should know and need not act on now."""

    step: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Logged:
    """One line of a tool's or program's own output, shown with `-v`."""

    step: str
    line: str


Event: TypeAlias = Started | Advanced | Finished | Skipped | Warned | Logged
Emit: TypeAlias = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The sink of callers who do not watch."""
