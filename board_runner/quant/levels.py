"""Scales from ranges, and values as levels: the formulas that the writer and the sensitivity measure share."""

from __future__ import annotations

import numpy as np

from board_runner.contract import Array
from board_runner.quant.ranges import Range


def positive(scale: Array | np.float32) -> Array:
    """float32 scales, 1 where everything is zero."""
    scale = np.asarray(scale, np.float32)
    return np.where(scale > np.float32(1e-30), scale, np.float32(1))


def symmetric(limits: Range) -> np.float32:
    """The scale of int16 levels: max(|low|, |high|) / 32767."""
    return np.float32(positive(np.float32(max(abs(limits[0]), abs(limits[1])) / 32767)))


def asymmetric(limits: Range) -> tuple[np.float32, int]:
    """Scale and zero point of uint8 levels; the range is widened to hold 0, which one level stands for."""
    low, high = min(limits[0], 0.0), max(limits[1], 0.0)
    scale = np.float32(positive(np.float32((high - low) / 255)))
    return scale, int(np.clip(np.rint(-low / float(scale)), 0, 255))


def constant(value: Array, *, bits: int, axis: int | None, tops: Array | None = None) -> tuple[Array, Array]:
    """Levels and float32 scales of a constant, one scale a channel along `axis`.

    The highest level stands for `tops`, by default the largest magnitude; what is above is cut off.
    """
    value = value.astype(np.float32)
    others = tuple(a for a in range(value.ndim) if a != axis)
    if tops is None:
        tops = np.abs(value).max(axis=others if axis is not None else None)
    highest = np.float32(2 ** (bits - 1) - 1)
    scale = positive(np.asarray(tops, np.float32) / highest)
    shape = [-1 if a == axis else 1 for a in range(value.ndim)] if axis is not None else ()
    levels = np.clip(np.rint(value / scale.reshape(shape)), -highest, highest)
    return levels.astype(np.dtype(f"int{bits}")), scale


def through_uint8(value: Array, limits: Range, shift: float = 0.0) -> Array:
    """What uint8 levels over `limits`, moved by a share `shift` of a level, leave of a float32 tensor."""
    scale, zero = asymmetric(limits)
    moved, origin = np.float32(shift), np.float32(zero)
    levels = np.clip(np.rint(value / scale + moved) + origin, 0, 255)
    left: Array = (levels - origin - moved) * scale
    return left


def through_int8(weight: Array, tops: Array) -> Array:
    """What int8 levels, one scale an output channel, leave of a weight."""
    levels, scale = constant(weight, bits=8, axis=0, tops=tops)
    left: Array = levels * scale.reshape([-1] + [1] * (weight.ndim - 1))
    return left
