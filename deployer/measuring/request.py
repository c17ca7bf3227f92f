"""What a bench is asked for beyond its clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from board_runner.errors import UsageError
from deployer.measuring import steadiness
from deployer.measuring.intervals import BOOTSTRAP_FROM, median_interval
from deployer.records import Sample

MOST_RUNS = 1000
"""Of each clip, for a bench that ends when it is steady enough."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """How much is measured, and against what.

    `runs` and `warm_up` None: as configured. `minutes`: as many runs as come in that time. `until_stable`: until
    the interval (95 %) of the median is no wider than this share of it, or `runs` (else MOST_RUNS) are through.
    `against`: another model file, run in turns with the project's; `noise_floor`: the same model in turns with
    itself. `pin`: hold the CPU's governor while it lasts. `in_process`: afterwards so many invokes of each clip in
    one process, several times.
    """

    runs: int | None = None
    warm_up: int | None = None
    minutes: float | None = None
    until_stable: float | None = None
    against: Path | None = None
    noise_floor: bool = False
    pin: bool = True
    in_process: int | None = None
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.against is not None and self.noise_floor:
            raise UsageError(
                "a noise floor is measured with one and the same model: not with another against it"
            )
        if self.minutes is not None and self.runs is not None:
            raise UsageError("either so many runs or so many minutes")

    @property
    def in_turns(self) -> bool:
        """Whether two variants take turns."""
        return self.noise_floor or self.against is not None

    def most_runs(self, configured: int) -> int | None:
        """Of each clip; None where only time ends it."""
        if self.minutes is not None and self.until_stable is None:
            return None
        return self.runs or (MOST_RUNS if self.until_stable is not None else configured)

    def is_stable(self, counted: Sequence[Sample]) -> bool:
        """Whether what was measured is narrow enough. Looked at only now and then, for each look is a chance."""
        if self.until_stable is None or len(counted) < BOOTSTRAP_FROM:
            return False
        if len(steadiness.repeated(counted)) < len(counted):
            return False
        interval = median_interval(steadiness.relative(counted))
        return interval is not None and interval.width <= self.until_stable
