"""Frames of a signal, windows to weigh them with, and their spectra."""

from __future__ import annotations

import numpy as np

from board_runner.contract import Array
from board_runner.errors import InputError


def frame_count(samples: int, window: int, stride: int) -> int:
    """How many whole windows fit into `samples`; 0 where none does."""
    return 0 if samples < window else 1 + (samples - window) // stride


def frames(samples: Array, window: int, stride: int) -> Array:
    """View (frames, window) of mono samples (n,), a frame every `stride` samples; copies nothing.

    Only whole frames: what is left at the end is dropped. Raises InputError for a clip below one window.
    """
    if samples.ndim != 1:
        raise InputError("the clip is not mono")
    if not frame_count(samples.size, window, stride):
        raise InputError(f"the clip has {samples.size} samples, one window takes {window}")
    return np.lib.stride_tricks.sliding_window_view(samples, window)[::stride]


def fitted(samples: Array, count: int) -> Array:
    """Mono samples (n,) -> (count,): cut at the end, or filled up with silence."""
    kept = samples[:count]
    return np.pad(kept, (0, count - kept.size)) if kept.size < count else kept


def hann(window: int, *, periodic: bool) -> Array:
    """The Hann window (window,) in float64: sin^2(pi i / n), where n is `window`, one less if not periodic."""
    n = window if periodic else max(window - 1, 1)
    return np.asarray(np.sin(np.pi * np.arange(window) / n) ** 2)


def fft_length(window: int) -> int:
    """The least power of two that holds `window` samples."""
    return 1 << (window - 1).bit_length()


def magnitudes(framed: Array, weights: Array, length: int) -> Array:
    """|FFT| of frames (n, window) weighed by (window,), filled up to `length`: (n, length / 2 + 1), float64."""
    return np.asarray(np.abs(np.fft.rfft(framed * weights, length, axis=-1)))
