"""Log mel filter banks as Kaldi computes them: the front end of many speech recognisers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from board_runner.errors import InputError, ModelError
from board_runner.frontends.framing import fft_length, frame_count, frames
from board_runner.frontends.mel import triangles
from board_runner.frontends.parameters import MelParameters

FLOOR = float(np.finfo(np.float32).eps)
"""Least energy of a channel before the logarithm: silence stays finite."""

BLOCK = 512
"""Frames worked on at once: an hour of audio needs no more memory than a sentence."""


@dataclass(frozen=True, kw_only=True)
class Fbank(MelParameters):
    """The parameters; the defaults give 80 channels every 10 ms at 16 kHz. `window` and `stride` are in samples.

    `scale` brings samples in -1..1 to the range of 16-bit numbers. There is no dither: the same samples give the
    same features.
    """

    TITLE = "filter bank"

    sample_rate_hz: int = 16000
    window: int = 400
    stride: int = 160
    channels: int = 80
    low_hz: float = 20.0
    high_hz: float = 8000.0
    emphasis: float = 0.97
    scale: float = 32768.0

    def __post_init__(self) -> None:
        """Raise ModelError for parameters that make no features."""
        super().__post_init__()
        if self.window < 2:
            raise ModelError("filter bank with a window of 1 sample: must be at least 2")

    def count(self, samples: int) -> int:
        """Frames that so many samples give: only whole windows count."""
        return frame_count(samples, self.window, self.stride)

    def features(self, samples: Array) -> Array:
        """Mono samples (n,) in -1..1 -> float32 (frames, channels).

        Each frame for itself: mean taken off, pre-emphasis x_i - 0.97 x_(i-1) with x_(-1) = x_0, Povey's window,
        power spectrum, mel triangles, natural logarithm. Computed in float64. Raises InputError for a clip that
        is not mono or below one window.
        """
        if samples.ndim != 1:
            raise InputError("the clip is not mono")
        framed = frames(samples, self.window, self.stride)
        filters = triangles(
            bins=fft_length(self.window) // 2 + 1,
            sample_rate_hz=self.sample_rate_hz,
            channels=self.channels,
            low_hz=self.low_hz,
            high_hz=self.high_hz,
        )
        blocks = [self._energies(framed[i : i + BLOCK], filters) for i in range(0, len(framed), BLOCK)]
        return np.concatenate(blocks)

    def _energies(self, framed: Array, filters: Array) -> Array:
        x = framed.astype(np.float64) * self.scale
        x -= x.mean(axis=1, keepdims=True)
        before = np.concatenate([x[:, :1], x[:, :-1]], axis=1)
        spectrum = np.fft.rfft((x - self.emphasis * before) * povey(self.window), fft_length(self.window))
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        return np.asarray(np.log(np.maximum(power @ filters, FLOOR)), np.float32)


def povey(window: int) -> Array:
    """Kaldi's own window (window,): the symmetric Hann window to the power of 0.85."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / (window - 1))
    return np.asarray(hann**0.85)
