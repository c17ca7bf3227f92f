"""From an accumulator to the next scale: `(a * M + 2^(s-1)) >> s`, rounding half up, in floats or integers.

M is below 2^31, s from 1 to 52, and with the accumulator's bound A the sum stays below 2^53 where the
float64 path is taken, below 2^62 otherwise. Scaling by a power of two and flooring are exact in float64,
so both paths give the bits of the integer formula.
"""

from __future__ import annotations

import math

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError

FLOAT_LIMIT = 1 << 53
INT_LIMIT = 1 << 62
MAX_SHIFT = 52
INT16 = (-32768, 32767)


def fit(ratio: float, bound: int, limit: int = INT_LIMIT) -> tuple[int, int]:
    """M and s with M / 2^s next to `ratio`, M as large as `bound * M + 2^(s-1) < limit` allows.

    Raises ModelError where no shift does, so for scales that are too far apart.
    """
    if not (math.isfinite(ratio) and ratio >= 0):
        raise ModelError(f"a scale ratio of {ratio}")
    for shift in range(MAX_SHIFT, 0, -1):
        multiplier = round(ratio * 2**shift)
        if multiplier < 1 << 31 and max(bound, 1) * multiplier + (1 << (shift - 1)) < limit:
            return multiplier, shift
    raise ModelError(f"scales too far apart: a ratio of {ratio:g} over accumulators up to {bound}")


def fits_float(bound: int, multipliers: Array, shifts: Array) -> bool:
    """Whether every product and sum of this requantisation is below 2^53."""
    return all(
        bound * int(m) + (1 << (int(s) - 1)) < FLOAT_LIMIT
        for m, s in zip(multipliers.ravel(), shifts.ravel(), strict=True)
    )


def by_int(acc: Array, multiplier: Array, shift: Array) -> Array:
    """int64 accumulators -> int64 levels."""
    half = np.left_shift(np.int64(1), shift - 1)
    return np.asarray((acc * multiplier + half) >> shift)


def by_float(acc: Array, multiplier: Array, shift: Array) -> Array:
    """float64 accumulators that hold integers -> float64 levels, the same numbers as `by_int`."""
    levels = acc * multiplier.astype(np.float64)
    levels += np.ldexp(0.5, shift)
    levels *= np.ldexp(1.0, -shift)
    return np.asarray(np.floor(levels, out=levels))


def to_int16(levels: Array) -> Array:
    """Saturate to int16."""
    return np.clip(levels, *INT16).astype(np.int16)
