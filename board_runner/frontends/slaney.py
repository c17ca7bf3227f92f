"""Slaney's mel scale and its filters of equal area, as librosa's defaults make them."""

from __future__ import annotations

import functools

import numpy as np

from board_runner.contract import Array

LINEAR_HZ = 200.0 / 3.0
"""Width of a mel below the break."""

BREAK_HZ = 1000.0
BREAK_MEL = BREAK_HZ / LINEAR_HZ
LOG_STEP = float(np.log(6.4)) / 27.0
"""Above the break a mel is this step in the logarithm of the frequency."""


def hertz_to_mel(hertz: Array | float) -> Array:
    """Linear to 1000 Hz (15 mels), logarithmic above."""
    f = np.asarray(hertz, np.float64)
    return np.where(
        f < BREAK_HZ, f / LINEAR_HZ, BREAK_MEL + np.log(np.maximum(f, BREAK_HZ) / BREAK_HZ) / LOG_STEP
    )


def mel_to_hertz(mel: Array | float) -> Array:
    """The inverse of `hertz_to_mel`."""
    m = np.asarray(mel, np.float64)
    above = np.maximum(m - BREAK_MEL, 0.0)
    return np.where(m < BREAK_MEL, m * LINEAR_HZ, BREAK_HZ * np.exp(LOG_STEP * above))


@functools.lru_cache(maxsize=16)
def triangles(*, bins: int, sample_rate_hz: int, channels: int, low_hz: float, high_hz: float) -> Array:
    """Filters (bins, channels), float64, for a spectrum of `bins` lines from 0 to half the rate.

    Peaks are equally far apart in mel; each triangle is straight in hertz, its feet at its neighbours' peaks and
    its height 2 / width, so that all have area 1. The array is shared: do not write to it.
    """
    mels = np.linspace(float(hertz_to_mel(low_hz)), float(hertz_to_mel(high_hz)), channels + 2)
    edges = mel_to_hertz(mels)
    lines = np.linspace(0.0, sample_rate_hz / 2, bins)[:, None]
    low, peak, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (lines - low) / (peak - low), (high - lines) / (high - peak)
    filters = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (high - low))
    filters.flags.writeable = False
    return np.asarray(filters)
