"""Signals that are the same everywhere."""

from __future__ import annotations

import numpy as np

from board_runner.contract import Array


def sweep() -> Array:
    """One second at 16 kHz, float32: a sweep from 200 to 2000 Hz under a little noise."""
    t = np.arange(16000) / 16000
    noise = np.random.default_rng(5).standard_normal(16000)
    return np.asarray(0.3 * np.sin(2 * np.pi * (200 * t + 900 * t * t)) + 0.05 * noise, np.float32)
