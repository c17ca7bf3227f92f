"""What a bench found out about itself: how sure its median is, whether it was steady, what a comparison showed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from board_runner.errors import UsageError
from deployer.measuring import steadiness
from deployer.measuring.warmth import Warmth
from deployer.records import RunRecord
from toolchain_wrappers import intake
from toolchain_wrappers.intake import Fault


@dataclass(frozen=True, kw_only=True)
class Against:
    """A comparison in turns; shares are relative: 0.05 is 5 % slower than the baseline."""

    baseline: str
    verdict: str
    effect: float
    low: float
    high: float
    limit: float

    @property
    def in_words(self) -> str:
        """One sentence."""
        change = f"{abs(self.effect):.1%} {'slower' if self.effect > 0 else 'faster'}".replace("%", " %")
        sure = f"95 % interval {100 * self.low:+.1f} to {100 * self.high:+.1f} %"
        return f"{self.verdict}: {change} than {self.baseline} ({sure}; limit {100 * self.limit:.1f} %)"


@dataclass(frozen=True, kw_only=True)
class Findings:
    """`steady` None: too few runs to tell. `not_steady`: why not. `noise_floor` is a share of the time."""

    steady: bool | None = None
    not_steady: tuple[str, ...] = ()
    invoke_interval_ms: tuple[float, float] | None = None
    noise_floor: float | None = None
    against: Against | None = None
    not_compared: str = ""
    in_process: Warmth | None = None
    not_in_process: str = ""

    def lines(self) -> Iterator[str]:
        """What there is to say, but for the interval."""
        if self.steady is False:
            yield f"Not steady: {'; '.join(self.not_steady)}."
        if self.noise_floor is not None:
            yield f"Noise floor {100 * self.noise_floor:.2f} %: smaller differences are this board's own."
        if self.against is not None:
            yield f"Against another model, in turns: {self.against.in_words}."
        if self.in_process is not None:
            words = f"{self.in_process.in_words}; {self.in_process.apart_in_words}".rstrip("; ")
            yield f"In one process: {words}.".replace("%", " %")
        if self.not_in_process:
            yield f"Several invokes in one process were not measured: {self.not_in_process}."
        if self.not_compared:
            yield f"Not compared: {self.not_compared}."


def of(record: RunRecord) -> Findings:
    """As the record has them; a record of an earlier version is judged now. Raises UsageError for damaged ones."""
    try:
        kept = intake.record(Findings, dict(record.measured))
    except Fault as e:
        raise UsageError(f"{record.id}: damaged run record: measured.{e}") from e
    if "steady" in record.measured or not record.counted:
        return kept
    judged = steadiness.judge(record.counted)
    return dataclasses.replace(kept, steady=judged.steady, not_steady=judged.reasons)
