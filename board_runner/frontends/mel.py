"""The mel scale and its triangular filters."""

from __future__ import annotations

import functools

import numpy as np

from board_runner.contract import Array


def hertz_to_mel(hertz: Array | float) -> Array:
    """HTK's scale: 1127 ln(1 + f / 700)."""
    return np.asarray(1127.0 * np.log1p(np.asarray(hertz, np.float64) / 700.0))


@functools.lru_cache(maxsize=16)
def triangles(
    *, bins: int, sample_rate_hz: int, channels: int, low_hz: float, high_hz: float, first_bin: int = 0
) -> Array:
    """Filters (bins, channels), float64, for a spectrum of `bins` lines from 0 to half the rate.

    Each is a triangle over the mel scale with peak 1, its feet at its neighbours' peaks, the outermost feet at
    `low_hz` and `high_hz`. Lines below `first_bin` count for nothing. The array is shared: do not write to it.
    """
    edges = np.linspace(float(hertz_to_mel(low_hz)), float(hertz_to_mel(high_hz)), channels + 2)
    spacing = edges[1] - edges[0]
    lines = hertz_to_mel(np.arange(bins) * (sample_rate_hz / 2 / (bins - 1)))
    rising = (lines[:, None] - edges[:-2]) / spacing
    falling = (edges[2:] - lines[:, None]) / spacing
    filters = np.maximum(0.0, np.minimum(rising, falling))
    filters[:first_bin] = 0.0
    filters.flags.writeable = False
    return np.asarray(filters)
