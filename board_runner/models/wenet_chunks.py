"""How U2 cuts a clip, and the sines by which it tells places: what all forms of its encoder share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from board_runner.errors import InputError, ModelError

REDUCTION = 4
"""Feature frames to one encoder frame."""
CONTEXT = 7
"""Feature frames that the first encoder frame of a chunk is made of."""
POSITIONS = 5000
"""Encoder frames a clip may have: 200 s."""


@dataclass(frozen=True, kw_only=True)
class Chunking:
    """How a clip is cut: encoder frames a chunk, and how many chunks back a frame may see (below 0: all).

    With `frames` 0 the whole clip is one chunk.
    """

    frames: int = 16
    left_chunks: int = -1

    def __post_init__(self) -> None:
        """Raise ModelError for a chunk of fewer than 0 frames."""
        if self.frames < 0:
            raise ModelError(f"chunks of {self.frames} frames")

    @property
    def kept(self) -> int:
        """Frames that the caches keep at most."""
        return POSITIONS if self.left_chunks < 0 or not self.frames else self.frames * self.left_chunks

    @property
    def window(self) -> int:
        """Feature frames of a whole chunk."""
        return REDUCTION * (self.frames - 1) + CONTEXT

    def windows(self, feature_frames: int) -> Iterator[tuple[int, slice]]:
        """First encoder frame and feature frames of each chunk; neighbours share 3 frames, the last is shorter."""
        if not self.frames:
            yield 0, slice(0, feature_frames)
            return
        for start in range(0, feature_frames - CONTEXT + 1, REDUCTION * self.frames):
            yield start // REDUCTION, slice(start, min(start + self.window, feature_frames))


def encoder_frames(feature_frames: int) -> int:
    """What two convolutions of width 3 and stride 2 leave of so many frames."""
    return ((feature_frames - 1) // 2 - 1) // 2


def check_length(features: Array) -> None:
    """Raise InputError for features (T, channels) too short for one encoder frame, or beyond the last position."""
    if len(features) < CONTEXT:
        raise InputError(f"{len(features)} frames of features, the encoder needs {CONTEXT} at least")
    if encoder_frames(len(features)) > POSITIONS:
        raise InputError(
            f"the clip gives {encoder_frames(len(features))} encoder frames, positions end at {POSITIONS}",
            hint="cut it at a pause",
        )


def positions(first: int, count: int, width: int) -> Array:
    """Float32 (count, width), a row a frame from `first` on: sines in even places, cosines in odd ones
    (arXiv 1706.03762).

    Rates and angles are float32 as where such networks are trained; each step is rounded once, from float64, so
    that every machine has the same table.
    """
    exponents = np.arange(0, width, 2, dtype=np.float32) * np.float32(-math.log(10000.0) / width)
    rates = np.exp(exponents.astype(np.float64)).astype(np.float32)
    angles = np.arange(first, first + count, dtype=np.float32)[:, None] * rates
    wide = angles.astype(np.float64)
    return np.stack([np.sin(wide), np.cos(wide)], axis=2).reshape(count, width).astype(np.float32)
