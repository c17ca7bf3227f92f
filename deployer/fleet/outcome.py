"""How one piece of work went on every board: a record a board, and the one exit code they add up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from deployer.errors import BUG, INTERRUPTED

T = TypeVar("T")

WORST_FIRST = (INTERRUPTED, BUG, 3, 2, 4, 7, 6, 8, 5, 1)
"""Exit codes by how little was done: not begun, not reached, in use, not sent, not ready, not run, not passed."""


class State(StrEnum):
    """How a board fared."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    NOT_STARTED = "not started"


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Why a board failed; `trace` only where it was a bug of ours."""

    message: str
    hint: str = ""
    exit_code: int = 1
    trace: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[T]):
    """One board's own result. A failure may have a value too: a bench of which some runs failed."""

    board: str
    address: str
    state: State
    value: T | None = None
    trouble: Trouble | None = None
    duration_s: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 when done, that of the trouble, or that of the interrupt."""
        if self.trouble is not None:
            return self.trouble.exit_code
        return INTERRUPTED if self.state is State.INTERRUPTED else 0


@dataclass(frozen=True, kw_only=True)
class FleetResult(Generic[T]):
    """Every board's outcome, in the order they were given."""

    outcomes: Sequence[Outcome[T]]
    interrupted: bool = False

    def those(self, state: State) -> list[Outcome[T]]:
        """The outcomes in one state."""
        return [outcome for outcome in self.outcomes if outcome.state is state]

    @property
    def exit_code(self) -> int:
        """0 when every board is done, else the code of the worst class of failure."""
        if self.interrupted:
            return INTERRUPTED
        return worst({outcome.exit_code for outcome in self.outcomes})


def worst(codes: set[int]) -> int:
    """The code that tells most: the one of the board that got least far."""
    known = [code for code in WORST_FIRST if code in codes]
    return known[0] if known else max(codes, default=0)
