"""How the values of convolution inputs are distributed: a histogram each, and the range fitted to it.

Counts are whole numbers and are added as such, so neither the order of samples nor that of values matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from board_runner.contract import Array
from board_runner.graph import Graph
from board_runner.quant.observe import Observer, Samples, each
from board_runner.quant.ranges import Progress, Range, Ranges, conv_inputs

BINS = 2048
CANDIDATES = 128
"""Limits tried on each side of zero: k / CANDIDATES of the extreme value, k = 1 .. CANDIDATES."""

CUT_OFF_COUNTS = 32.0
"""How much more a squared error by cutting off weighs than one by rounding. Rounding errors of one tensor
point either way and average out in the sums behind it; what is cut off always points inwards."""

TAIL = 1e-4
"""Share of values that the `percentile` method leaves outside at each end."""


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """`counts` int64[BINS] of values other than 0, over [low, high] in equal bins; `zeros` counts the others."""

    low: float
    high: float
    counts: Array
    zeros: int = 0

    @property
    def centres(self) -> Array:
        """float64[BINS]: what a bin's values are taken for."""
        width = (self.high - self.low) / BINS
        centres: Array = self.low + width * (np.arange(BINS) + 0.5)
        return centres


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What calibration measured: ranges of all tensors, and histograms of convolution inputs if asked for."""

    ranges: Ranges
    histograms: Mapping[str, Histogram] = field(default_factory=dict)
    samples: int


def histograms(
    graph: Graph, ranges: Ranges, samples: Samples, progress: Progress | None = None
) -> dict[str, Histogram]:
    """The second pass: a histogram of every convolution input over its own range; memory of one sample.

    Bin of x: min(int((x - low) * (BINS / (high - low))), BINS - 1), in float32.
    """
    names = [name for name in conv_inputs(graph) if ranges[name][0] < ranges[name][1]]
    counts = {name: np.zeros(BINS, np.int64) for name in names}
    zeros = dict.fromkeys(names, 0)

    def count(name: str, value: Array) -> None:
        low, high = ranges[name]
        flat = value.ravel()
        flat = flat[flat != 0]
        zeros[name] += value.size - flat.size
        place = (flat - np.float32(low)) * np.float32(BINS / (high - low))
        bins = np.clip(place.astype(np.int32), 0, BINS - 1)
        counts[name] += np.bincount(bins, minlength=BINS)

    observer = Observer(graph, names)
    for number, sample in enumerate(each(samples), start=1):
        observer.run(sample, count)
        if progress is not None:
            progress(number)
    return {
        name: Histogram(low=ranges[name][0], high=ranges[name][1], counts=counts[name], zeros=zeros[name])
        for name in names
    }


def fit(histogram: Histogram) -> Range:
    """The range of least expected error among CANDIDATES limits on each side.

    E(low, high) = CUT_OFF_COUNTS * (sum over values below low of (low - x)^2 + sum over values above high
    of (x - high)^2) + (values within that are not 0) * s^2 / 12, s = (high - low) / 255. Zero is exact.
    float64; of equal candidates the wider range.
    """
    counts, centres = histogram.counts.astype(np.float64), histogram.centres
    lows = _limits(min(histogram.low, 0.0))
    highs = _limits(max(histogram.high, 0.0))
    under, below = _outside(-centres[::-1], counts[::-1], -lows)
    over, above = _outside(centres, counts, highs)
    within = counts.sum() - under[:, None] - over[None, :]
    steps = (highs[None, :] - lows[:, None]) / 255
    errors = CUT_OFF_COUNTS * (below[:, None] + above[None, :]) + within * np.square(steps) / 12
    low, high = np.unravel_index(int(np.argmin(errors)), errors.shape)
    return float(lows[low]), float(highs[high])


def percentile(histogram: Histogram) -> Range:
    """The range that leaves at most TAIL of all values outside at each end."""
    allowed = int(TAIL * (int(histogram.counts.sum()) + histogram.zeros))
    edges = histogram.low + (histogram.high - histogram.low) / BINS * np.arange(BINS + 1)
    first = int(np.searchsorted(np.cumsum(histogram.counts), allowed, side="right"))
    last = int(np.searchsorted(np.cumsum(histogram.counts[::-1]), allowed, side="right"))
    return min(float(edges[min(first, BINS)]), 0.0), max(float(edges[max(BINS - last, 0)]), 0.0)


def _limits(extreme: float) -> Array:
    """From the extreme inwards, so that argmin takes the wider of equals; a lone 0 where there is no such side."""
    if extreme == 0.0:
        return np.zeros(1)
    limits: Array = extreme * (np.arange(CANDIDATES, 0, -1) / CANDIDATES)
    return limits


def _outside(centres: Array, counts: Array, limits: Array) -> tuple[Array, Array]:
    """For each limit: how many values lie above it, and the sum of their squared distances from it.

    From running sums of n, n x and n x^2, added from the first bin on in float64.
    """
    running = [np.cumsum(np.concatenate([[0.0], counts * centres**k])) for k in range(3)]
    cut = np.searchsorted(centres, limits, side="right")
    n, first, second = (total[-1] - total[cut] for total in running)
    squared: Array = np.maximum(second - 2 * limits * first + np.square(limits) * n, 0.0)
    return n, squared
