"""How errors are spread, counted as they come: memory does not grow with the data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array

PER_DECADE = 20
LOWEST, HIGHEST = -12, 6
"""Decades; smaller errors are counted as zero, larger ones in the last bin."""

QUANTILES = (0.5, 0.9, 0.99, 0.999, 1.0)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Quantiles of abs(error) over all elements, exact to a bin (a factor of 10^(1/20), 12 %); `largest` exact."""

    elements: int
    zero: int
    quantiles: Mapping[str, float]
    largest: float


class ErrorHistogram:
    """abs(error) in bins of equal width in the logarithm."""

    def __init__(self) -> None:
        self._counts = np.zeros((HIGHEST - LOWEST) * PER_DECADE, np.int64)
        self._zero = 0
        self._elements = 0
        self._largest = 0.0

    def add(self, errors: Array) -> None:
        """Count the elements of one tensor; NaN counts as the largest."""
        size = np.nan_to_num(np.abs(errors.ravel()), nan=math.inf)
        seen = size[size > 10.0**LOWEST]
        self._elements += size.size
        self._zero += size.size - seen.size
        if seen.size:
            self._largest = max(self._largest, float(seen.max()))
            places = np.floor((np.log10(np.minimum(seen, 1e300)) - LOWEST) * PER_DECADE).astype(np.int64)
            np.add.at(self._counts, np.clip(places, 0, self._counts.size - 1), 1)

    def spread(self) -> Spread:
        """The quantiles: the upper edge of the bin that holds each."""
        below = self._zero + np.cumsum(self._counts)
        return Spread(
            elements=self._elements,
            zero=self._zero,
            quantiles={f"{q:g}": self._quantile(q, below) for q in QUANTILES},
            largest=self._largest,
        )

    def _quantile(self, q: float, below: Array) -> float:
        rank = math.ceil(q * self._elements)
        if rank <= self._zero:
            return 0.0
        edge = (int(np.searchsorted(below, rank)) + 1) / PER_DECADE + LOWEST
        return min(self._largest, float(10.0**edge))


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """Least, quartiles and largest of one figure over the clips; numpy's linear rule."""
    if not values:
        return {}
    marks = {"min": 0.0, "p25": 0.25, "median": 0.5, "p75": 0.75, "max": 1.0}
    return {name: float(np.quantile(values, q)) for name, q in marks.items()}
