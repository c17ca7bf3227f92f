"""The search for weight scales: how far the largest weights of a channel may be cut off."""

from __future__ import annotations

import numpy as np

from board_runner.contract import Array

STEPS = 512
LEAST = 448
"""Factors tried: k / STEPS of the largest weight, k = STEPS .. LEAST."""


def tops(weight: Array) -> Array:
    """The largest magnitude of each output channel: float32[M]."""
    others = tuple(range(1, weight.ndim))
    largest: Array = np.abs(weight.astype(np.float32)).max(axis=others)
    return largest


def search(weight: Array, levels: int = 127) -> Array:
    """float32[M]: for each output channel the magnitude that becomes the highest level.

    Of the factors f the one with the least sum of (w - s * clip(round(w / s), -levels, levels))^2,
    s = f * max|w| / levels; sums in float64, in numpy's order; of equals the largest f. Needs no data.
    """
    flat = weight.astype(np.float32).reshape(len(weight), -1)
    largest = tops(weight)
    best, least = largest.copy(), np.full(len(flat), np.inf)
    for k in range(STEPS, LEAST - 1, -1):
        top = largest * np.float32(k / STEPS)
        scale = np.where(top > 0, top / np.float32(levels), np.float32(1))[:, None]
        stored = np.clip(np.rint(flat / scale), -levels, levels) * scale
        error = np.square((flat - stored).astype(np.float64)).sum(axis=1)
        better = error < least
        best[better], least[better] = top[better], error[better]
    return best
