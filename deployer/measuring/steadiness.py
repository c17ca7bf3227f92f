"""Whether the runs of a bench are draws from one and the same distribution: only then a median means something.

All is judged on each run's time by the median of its clip, in the order of the runs. The rules:

| finding | rule |
| --- | --- |
| drift | Mann-Kendall's test (p < 0.01) and a change of more than 2 % from first to last by Theil and Sen's slope |
| throttling | 5 % of the runs or more at less than 98 % of the highest CPU frequency, and slower by more than 2 % |
| warming | slower (drift) while the temperature rises by 3 degrees or more |
| two modes | split where the squares within both sides are least: each side has 10 % of the runs, and 5, or more; |
| | their means are more than 1 % and 5 standard deviations of the wider one apart, and 30 % of that are bare |
| outliers | beyond 3.5 scaled median absolute deviations, and 5 %, from the median: more than 10 % of the runs |
| dependence | neighbouring runs alike: Spearman's rank correlation above 0.4, p < 0.001 |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deployer.records import Sample

LEAST_RUNS = 20
"""Fewer runs cannot tell; then nothing is claimed."""

LEAST_EACH = 6
"""Runs of a clip: fewer say too little of its median."""

_DRIFT, _DRIFT_P = 0.02, 0.01
_THROTTLED, _THROTTLED_SHARE = 0.98, 0.05
_WARMER_C = 3.0
_MODES_SPREADS, _MODES_VALLEY, _MODES_SHARE, _MODES_LEAST, _MODES_APART = 5.0, 0.3, 0.1, 5, 0.01
_FAR, _FAR_RELATIVE, _FAR_SHARE = 3.5, 0.05, 0.1
_ALIKE, _ALIKE_P = 0.4, 0.001
_MOST_PAIRS = 1000  # the slope looks at every pair of runs

Series = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Steadiness:
    """`steady` None: too few runs to tell. `reasons`: why not, in words. Changes are relative: 0.02 is 2 %."""

    steady: bool | None
    reasons: tuple[str, ...] = ()
    drift: float = 0.0
    throttled_share: float = 0.0
    modes: tuple[float, float] | None = None  # both by the median
    outliers: int = 0
    neighbours: float = 0.0  # correlation of each run with the one before


def relative(samples: Sequence[Sample]) -> Series:
    """Each run's invoke time by the median of its clip's, in the order of the samples."""
    by_clip: dict[str, list[float]] = {}
    for sample in samples:
        by_clip.setdefault(sample.clip, []).append(sample.invoke_ms)
    medians = {clip: float(np.median(values)) for clip, values in by_clip.items()}
    return np.array([s.invoke_ms / medians[s.clip] if medians[s.clip] else 1.0 for s in samples])


def repeated(samples: Sequence[Sample]) -> list[Sample]:
    """The runs of clips that ran often enough to be held against their own median."""
    counts = Counter(sample.clip for sample in samples)
    return [sample for sample in samples if counts[sample.clip] >= LEAST_EACH]


def judge(samples: Sequence[Sample]) -> Steadiness:
    """Judge the counted runs of one bench, in their order."""
    samples = repeated(samples)
    times = relative(samples)
    if times.size < LEAST_RUNS or times.min() == times.max():
        return Steadiness(steady=None if times.size < LEAST_RUNS else True)
    drift = _drift(times)
    throttled, slower = _throttled(samples, times)
    modes = _modes(times)
    outliers = _outliers(times)
    neighbours = _neighbours(times)
    reasons = []
    if throttled:
        reasons.append(
            f"throttled: {throttled:.0%} of the runs at a lower CPU frequency, {slower:.1%} slower"
        )
    if drift:
        words = "slower" if drift > 0 else "faster"
        warm = _warmer_c(samples)
        why = f" while it warmed by {warm:.0f} degrees" if drift > 0 and warm >= _WARMER_C else ""
        reasons.append(f"drift: {abs(drift):.1%} {words} from first to last run{why}")
    if modes is not None:
        reasons.append(
            f"two modes, {modes[1] / modes[0] - 1:.1%} apart: it is one of two things that is timed"
        )
    if outliers > _FAR_SHARE * times.size:
        reasons.append(f"outliers: {outliers} of {times.size} runs")
    if neighbours:
        reasons.append(f"runs follow the one before (correlation {neighbours:.2f}): intervals are too narrow")
    return Steadiness(
        steady=not reasons,
        reasons=tuple(reasons),
        drift=drift,
        throttled_share=throttled,
        modes=modes,
        outliers=outliers,
        neighbours=neighbours,
    )


def _drift(times: Series) -> float:
    """From first to last, 0 where there is none that is sure and worth a word."""
    from scipy import stats

    chosen = np.linspace(0, times.size - 1, min(times.size, _MOST_PAIRS)).round().astype(int)
    if stats.kendalltau(chosen, times[chosen]).pvalue >= _DRIFT_P:
        return 0.0
    change = float(stats.theilslopes(times[chosen], chosen).slope) * (times.size - 1)
    return change if abs(change) > _DRIFT else 0.0


def _throttled(samples: Sequence[Sample], times: Series) -> tuple[float, float]:
    """The share of runs at a lower frequency, and by how much they are slower; 0, 0 where it does no harm."""
    known = [s.frequency_khz for s in samples]
    if any(khz is None for khz in known):
        return 0.0, 0.0
    khz = np.array(known, dtype=np.float64)
    low = khz < _THROTTLED * khz.max()
    if not _THROTTLED_SHARE <= low.mean() < 1:
        return 0.0, 0.0
    slower = float(np.median(times[low]) / np.median(times[~low]) - 1)
    return (float(low.mean()), slower) if slower > _DRIFT else (0.0, 0.0)


def _warmer_c(samples: Sequence[Sample]) -> float:
    """How much warmer the last tenth of the runs was than the first."""
    known = [s.temperature_c for s in samples if s.temperature_c is not None]
    tenth = max(1, len(known) // 10)
    return float(np.median(known[-tenth:]) - np.median(known[:tenth])) if known else 0.0


def _modes(times: Series) -> tuple[float, float] | None:
    """The medians of both groups, where there are two."""
    ordered = np.sort(times)
    counts = np.arange(1, ordered.size)
    sums, squares = np.cumsum(ordered), np.cumsum(ordered**2)
    left = squares[:-1] - sums[:-1] ** 2 / counts
    right = (squares[-1] - squares[:-1]) - (sums[-1] - sums[:-1]) ** 2 / (ordered.size - counts)
    at = int(np.argmin(left + right)) + 1
    low, high = ordered[:at], ordered[at:]
    if min(low.size, high.size) < max(_MODES_LEAST, _MODES_SHARE * ordered.size):
        return None
    apart = float(high.mean() - low.mean())
    spread = float(max(low.std(ddof=1), high.std(ddof=1)))
    valley = float(np.quantile(high, 0.05) - np.quantile(low, 0.95))
    if apart <= _MODES_APART or apart <= _MODES_SPREADS * spread or valley <= _MODES_VALLEY * apart:
        return None
    return float(np.median(low)), float(np.median(high))


def _outliers(times: Series) -> int:
    from scipy import stats

    scale = float(stats.median_abs_deviation(times, scale="normal"))
    far = np.abs(times - np.median(times))
    return int(np.sum((far > _FAR * scale) & (far > _FAR_RELATIVE)))


def _neighbours(times: Series) -> float:
    from scipy import stats

    before, after = times[:-1], times[1:]
    if before.min() == before.max() or after.min() == after.max():
        return 0.0
    found = stats.spearmanr(before, after)
    sure = found.pvalue < _ALIKE_P and found.statistic > _ALIKE
    return float(found.statistic) if sure else 0.0
