"""A against B: how much slower, how sure that is, and what follows from it.

The effect is the geometric mean, over the clips that both have, of the ratio of the medians: 0.05 is 5 % slower.
Its interval (95 %) comes from smoothed bootstraps within each clip and side; of runs taken in turns, from the
ratios of the pairs, so that drift cancels. However many clips there are, it is one effect and one verdict: nothing
is tested several times. A clip that became slower by itself is a note (`single_clips`).

A slow-down is shown when the whole interval lies above the noise floor (0 where none was measured); the limit is
kept when the whole interval lies below it. So a bench that has not changed fails in at most 2.5 % of all cases, and
where the interval is no wider than the limit a slow-down by the limit is found in 95 % or more.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deployer.errors import CheckFailed
from deployer.measuring import single_clips, steadiness
from deployer.measuring.intervals import LEVEL, RESAMPLES, median_interval, smoothed_medians
from deployer.measuring.steadiness import LEAST_EACH
from deployer.records import RunRecord, Sample

_SEED = 20150401
_BLOCKS = 4


class Verdict(enum.Enum):
    """What a comparison says. Only SLOWER fails a gate."""

    SLOWER = "slower"  # shown, and the limit is not shown to be kept
    WITHIN = "slower, within the limit"
    SAME = "no slow-down"  # none is shown, and the limit is kept
    FASTER = "faster"
    UNCLEAR = "unclear"  # neither is shown: more runs, or a quieter board


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`effect`, `low`, `high`, `limit` and `floor` are relative: 0.05 is 5 % slower than the baseline."""

    baseline: str
    candidate: str
    effect: float
    low: float
    high: float
    limit: float
    floor: float
    clips: int
    runs: int  # of the candidate that went in
    paired: bool
    verdict: Verdict
    notes: tuple[str, ...] = ()
    level: float = LEVEL

    def in_words(self) -> str:
        """One line."""
        change = f"{abs(self.effect):.1%} {'slower' if self.effect > 0 else 'faster'}"
        sure = f"{self.level:.0%} interval {self.low:+.1%} to {self.high:+.1%}"
        floor = f", noise floor {self.floor:.1%}" if self.floor else ""
        return f"{self.verdict.value}: {change} than {self.baseline} ({sure}; limit {self.limit:.1%}{floor})"

    def raise_failure(self) -> None:
        """Raise CheckFailed for a regression."""
        if self.verdict is Verdict.SLOWER:
            raise CheckFailed(
                f"{self.candidate}: {self.in_words()}",
                hint="more runs narrow the interval" if self.effect < self.limit else "",
            )

    @property
    def runs_needed(self) -> int | None:
        """About how many runs make an unclear comparison clear: its interval narrows by their root."""
        if self.verdict is not Verdict.UNCLEAR or self.limit <= self.floor:
            return None
        return math.ceil(
            self.runs * max(1.0, round((self.high - self.low) / (self.limit - self.floor), 6)) ** 2
        )


def check_baseline(record: RunRecord) -> None:
    """Raises CheckFailed for a bench that nothing can be held against."""
    found = steadiness.judge(record.counted)
    if found.steady is False:
        raise CheckFailed(
            f"{record.id} is no baseline: {'; '.join(found.reasons)}",
            hint="bench it again when the board is at rest: pinned governor, no other programs, warm",
        )


def against_baseline(baseline: RunRecord, candidate: RunRecord, *, limit: float) -> Comparison:
    """A bench against an earlier one. Raises CheckFailed for an unsteady baseline, or one without a common clip.

    The baseline's own noise floor counts, where it has one.
    """
    check_baseline(baseline)
    a, b = _times(baseline.counted), _times(candidate.counted)
    common = [clip for clip in a if min(len(a[clip]), len(b.get(clip, ()))) >= LEAST_EACH]
    if not common:
        raise CheckFailed(
            f"{baseline.id} and {candidate.id} cannot be compared: no clip with {LEAST_EACH} runs in both",
            hint="bench the same clips, with --runs 30 or more",
        )
    sides = {clip: (a[clip], b[clip]) for clip in common}
    effect, low, high = _independent(list(sides.values()))
    alone = single_clips.note(single_clips.slower(sides, effect=effect, limit=limit))
    floor = noise_floor_of(baseline)
    return Comparison(
        baseline=baseline.id,
        candidate=candidate.id,
        effect=effect,
        low=low,
        high=high,
        limit=limit,
        floor=floor,
        verdict=judged(low=low, high=high, limit=limit, floor=floor),
        clips=len(common),
        runs=sum(len(b[clip]) for clip in common),
        paired=False,
        notes=(*alone, *_differences(baseline, candidate), *_unsteady(candidate)),
    )


def of_turns(
    samples: Sequence[Sample], *, limit: float, names: tuple[str, str] = ("a", "b"), floor: float = 0.0
) -> Comparison:
    """Two variants that ran in turns on one board, run for run. Raises CheckFailed for too few pairs."""
    found: dict[tuple[str, int], dict[str, float]] = {}
    for sample in samples:
        if not sample.warm_up and sample.invoke_ms > 0:
            found.setdefault((sample.clip, sample.run), {})[sample.variant] = sample.invoke_ms
    pairs = [math.log(pair["b"] / pair["a"]) for pair in found.values() if pair.keys() >= {"a", "b"}]
    interval = median_interval(pairs) if pairs else None
    if interval is None:
        raise CheckFailed(f"{len(pairs)} pairs of runs are too few to compare", hint="use more --runs")
    low, high = math.expm1(interval.low), math.expm1(interval.high)
    return Comparison(
        baseline=names[0],
        candidate=names[1],
        effect=math.expm1(float(np.median(pairs))),
        low=low,
        high=high,
        limit=limit,
        floor=floor,
        verdict=judged(low=low, high=high, limit=limit, floor=floor),
        clips=len({clip for clip, _ in found}),
        runs=len(pairs),
        paired=True,
    )


def noise_floor(samples: Sequence[Sample]) -> float:
    """How large a difference this board shows between two benches of one and the same thing.

    The larger of two: the far end of the interval of A against A in turns, and how far the medians of four blocks
    of the bench, one after the other, lie apart.
    """
    turns = of_turns(samples, limit=1.0)
    times = steadiness.relative([s for s in samples if not s.warm_up])
    medians = [float(np.median(block)) for block in np.array_split(times, _BLOCKS) if block.size]
    return max(abs(turns.low), abs(turns.high), max(medians) / min(medians) - 1)


def noise_floor_of(record: RunRecord) -> float:
    """The floor that a record carries; 0 where none was measured."""
    floor = record.measured.get("noise_floor", 0.0)
    return float(floor) if isinstance(floor, int | float) else 0.0


def judged(*, low: float, high: float, limit: float, floor: float) -> Verdict:
    """What follows from an effect's interval; all relative."""
    if low > floor:
        return Verdict.SLOWER if high >= limit else Verdict.WITHIN
    if high >= limit:
        return Verdict.UNCLEAR
    return Verdict.FASTER if high < -floor else Verdict.SAME


def _times(samples: Sequence[Sample]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {}
    for sample in samples:
        if sample.invoke_ms > 0:
            times.setdefault(sample.clip, []).append(sample.invoke_ms)
    return times


def _independent(sides: Sequence[tuple[Sequence[float], Sequence[float]]]) -> tuple[float, float, float]:
    """Effect and interval from the two sides of each clip."""
    rng = np.random.default_rng(_SEED)
    effect = float(np.mean([math.log(np.median(b) / np.median(a)) for a, b in sides]))
    resampled = np.zeros(RESAMPLES)
    for a, b in sides:
        resampled += (_log_medians(b, rng) - _log_medians(a, rng)) / len(sides)
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return math.expm1(effect), math.expm1(float(low)), math.expm1(float(high))


def _log_medians(values: Sequence[float], rng: np.random.Generator) -> NDArray[np.float64]:
    sample = np.log(np.asarray(values, dtype=np.float64))
    if sample.min() == sample.max():
        return np.full(RESAMPLES, sample[0])
    return smoothed_medians(sample, resamples=RESAMPLES, rng=rng)


def _differences(a: RunRecord, b: RunRecord) -> list[str]:
    """What differs beside what is compared, and may be the cause."""
    pairs: Mapping[str, tuple[object, object]] = {
        "board": (a.board.name, b.board.name),
        "chip": (a.board.chip, b.board.chip),
        "kernel": (a.board.kernel, b.board.kernel),
        "program": (a.settings.get("argv"), b.settings.get("argv")),
        "governor": (_governor(a), _governor(b)),
    }
    return [
        f"another {name}: {one} then, {other} now" for name, (one, other) in pairs.items() if one != other
    ]


def _governor(record: RunRecord) -> str | None:
    found = record.environment.get("governors") or ()
    return ", ".join(sorted({str(g.get("now")) for g in found})) if found else None


def _unsteady(record: RunRecord) -> list[str]:
    found = steadiness.judge(record.counted)
    return [f"this bench is not steady: {reason}" for reason in found.reasons]
