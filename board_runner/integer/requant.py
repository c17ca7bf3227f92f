"""From an accumulator to the next scale: `(a * M + offset) >> s`, in floats or integers.

The offset is 2^(s-1), which rounds half up, or that and a bias in units of 2^-s of a level. M is below
2^31, s from 1 to 52, and with the accumulator's bound A the sum stays below 2^53 where the float64 path is
taken, below 2^62 otherwise. Scaling by a power of two and flooring are exact in float64, so both paths give
the bits of the integer formula. Proofs are in `docs/arithmetic.md`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError

FLOAT_LIMIT = 1 << 53
INT_LIMIT = 1 << 62
MAX_MULTIPLIER = (1 << 31) - 1
MAX_SHIFT = 52
INT16 = (-32768, 32767)

Finish = Callable[[Array, Array], None]
"""Accumulators, and where the int16 levels go."""


def fit(ratio: float, bound: int, limit: int = INT_LIMIT, *, most: int = MAX_SHIFT) -> tuple[int, int]:
    """M and s with M / 2^s next to `ratio`, M as large as `bound * M + 2^(s-1) < limit` allows, s at `most`.

    Raises ModelError where no shift does, so for scales that are too far apart.
    """
    if not (math.isfinite(ratio) and ratio >= 0):
        raise ModelError(f"a scale ratio of {ratio}")
    for shift in range(most, 0, -1):
        multiplier = round(ratio * 2**shift)
        if multiplier <= MAX_MULTIPLIER and max(bound, 1) * multiplier + (1 << (shift - 1)) < limit:
            return multiplier, shift
    raise ModelError(f"scales too far apart: a ratio of {ratio:g} over accumulators up to {bound}")


def fits_float(reach: int, multipliers: Array, offsets: Array) -> bool:
    """Whether every product and sum of this requantisation is below 2^53."""
    return _largest(reach, multipliers, offsets) < FLOAT_LIMIT


def _largest(reach: int, multipliers: Array, offsets: Array) -> int:
    pairs = zip(np.abs(multipliers).ravel(), np.abs(offsets).ravel(), strict=True)
    return max((reach * int(m) + int(o) for m, o in pairs), default=0)


def by_int(acc: Array, multiplier: Array, shift: Array, offset: Array | None = None) -> Array:
    """int64 accumulators -> int64 levels; the offset is 2^(s-1) where none is given."""
    half = np.left_shift(np.int64(1), shift - 1) if offset is None else offset
    return np.asarray((acc * multiplier + half) >> shift)


def by_float(acc: Array, multiplier: Array, shift: Array, offset: Array | None = None) -> Array:
    """Float accumulators that hold integers -> float64 levels, the same numbers as `by_int`."""
    levels = np.multiply(acc, multiplier.astype(np.float64), dtype=np.float64)
    levels += np.ldexp(0.5, shift) if offset is None else offset.astype(np.float64)
    levels *= np.ldexp(1.0, -shift)
    return np.asarray(np.floor(levels, out=levels))


def finisher(multiplier: Array, shift: Array, offset: Array, *, reach: int) -> Finish:
    """How accumulators up to `reach` become int16: (a M + offset) >> s; constants broadcast against them.

    Raises ModelError for constants out of bounds.
    """
    m, s = multiplier.astype(np.int64), shift.astype(np.int64)
    if _largest(reach, m, offset) >= INT_LIMIT:
        raise ModelError("a requantisation that passes 2^62")
    if not fits_float(reach, m, offset):
        return lambda acc, out: saturate(by_int(acc.astype(np.int64), m, s, offset), out)
    unit = np.ldexp(1.0, -s.astype(np.int32))  # on 32-bit boards numpy's ldexp takes no int64
    factor, addend = m.astype(np.float64), offset.astype(np.float64)

    def run(acc: Array, out: Array) -> None:
        levels = np.multiply(acc, factor, dtype=np.float64)
        levels += addend
        levels *= unit
        saturate(np.floor(levels, out=levels), out)

    return run


def saturate(levels: Array, out: Array) -> None:
    """Limit whole numbers to int16 and store them; `levels` is overwritten."""
    np.clip(levels, *INT16, out=levels)
    out[...] = levels


def to_int16(levels: Array) -> Array:
    """A new int16 array of whole numbers, saturated."""
    return np.clip(levels, *INT16).astype(np.int16)
