"""How sure a median is, and which percentiles a sample can speak of at all. Computed by scipy.

Below 30 values, and above 2000, the interval is that of order statistics (the sign test's; exact, and cautious for
few values). Between, it is a bootstrap of the median, each resample smoothed by a normal kernel of width
s / sqrt(n) (T. Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015): a
plain bootstrap of a median knows but a few distinct values and covers too little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = Sequence[float] | NDArray[np.float64]

LEVEL = 0.95
BOOTSTRAP_FROM = 30
BOOTSTRAP_TO = 2000
RESAMPLES = 2000
_BATCH_VALUES = 2_000_000
_SEED = 20150401  # the same sample has the same interval every time


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Where a quantity lies with probability `level`, in its own unit."""

    low: float
    high: float
    method: str  # `bootstrap` or `order statistics`
    level: float = LEVEL

    @property
    def width(self) -> float:
        """From end to end."""
        return self.high - self.low


def median_interval(values: Values, *, level: float = LEVEL) -> Interval | None:
    """The interval of the median of independent values; None where they are too few to have one (below 6)."""
    sample = np.asarray(values, dtype=np.float64)
    if BOOTSTRAP_FROM <= sample.size <= BOOTSTRAP_TO:
        return _bootstrap(sample, level)
    return _ordered(sample, 0.5, level)


def smoothed_medians(
    sample: NDArray[np.float64], *, resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Medians of resamples, as many as asked for."""
    from scipy import stats

    found = stats.bootstrap(
        (sample,),
        _Smoothed(sample, rng),
        n_resamples=resamples,
        batch=max(1, _BATCH_VALUES // sample.size),
        vectorized=True,
        method="percentile",
        rng=rng,
    )
    return np.asarray(found.bootstrap_distribution, dtype=np.float64)


def percentile(values: Values, share: float) -> float | None:
    """The value that `share` of all runs stay below (linear between the two nearest), or None.

    The rule: a percentile is given where the sample can bound it from both sides, that is where the interval of
    order statistics at 95 % exists. The median needs 6 values, p90 36, p95 72 and p99 368.
    """
    if len(values) < least(share):
        return None
    return float(np.percentile(np.asarray(values, dtype=np.float64), 100 * share))


def least(share: float, *, level: float = LEVEL) -> int:
    """How many values a percentile needs: until none of them beyond it has at most the chance (1 - level) / 2."""
    return math.ceil(math.log((1 - level) / 2) / math.log(max(share, 1 - share)))


class _Smoothed:
    """The median of resamples, smoothed; the scale is robust, so that outliers widen nothing."""

    def __init__(self, sample: NDArray[np.float64], rng: np.random.Generator) -> None:
        from scipy import stats

        scale = min(float(sample.std(ddof=1)), float(stats.iqr(sample, scale="normal")))
        self._width = scale / math.sqrt(sample.size)
        self._rng = rng

    def __call__(self, resamples: NDArray[np.float64], axis: int = -1) -> Any:
        noise = self._width * self._rng.standard_normal(resamples.shape)
        return np.median(resamples + noise, axis=axis)


def _bootstrap(sample: NDArray[np.float64], level: float) -> Interval:
    if sample.min() == sample.max():
        return Interval(low=float(sample[0]), high=float(sample[0]), method="bootstrap", level=level)
    medians = smoothed_medians(sample, resamples=RESAMPLES, rng=np.random.default_rng(_SEED))
    low, high = np.quantile(medians, [(1 - level) / 2, (1 + level) / 2])
    return Interval(low=float(low), high=float(high), method="bootstrap", level=level)


def _ordered(sample: NDArray[np.float64], share: float, level: float) -> Interval | None:
    from scipy import stats

    if sample.size < least(share, level=level):
        return None
    found = stats.quantile_test(sample, q=float(np.median(sample)), p=share).confidence_interval(level)
    if not (np.isfinite(found.low) and np.isfinite(found.high)):
        return None
    return Interval(low=float(found.low), high=float(found.high), method="order statistics", level=level)
