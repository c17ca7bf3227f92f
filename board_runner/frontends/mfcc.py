"""Mel-frequency cepstral coefficients, as the speech-commands recipes compute them."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.frontends.framing import fft_length, fitted, frame_count, frames, hann, magnitudes
from board_runner.frontends.mel import triangles
from board_runner.frontends.parameters import MelParameters

FLOOR = 1e-12
"""Least energy of a channel before the logarithm: silence stays finite."""


@dataclass(frozen=True, kw_only=True)
class Mfcc(MelParameters):
    """The parameters; the defaults give 49 frames of 10 coefficients from one second.

    `samples` is the length every clip is brought to, `window` and `stride` are in samples.
    """

    TITLE = "MFCC"

    sample_rate_hz: int = 16000
    samples: int = 16000
    window: int = 512
    stride: int = 320
    channels: int = 40
    coefficients: int = 10
    low_hz: float = 20.0
    high_hz: float = 4000.0

    def __post_init__(self) -> None:
        """Raise ModelError for parameters that make no features."""
        super().__post_init__()
        if self.samples < self.window:
            raise ModelError(f"MFCC of {self.samples} samples: shorter than its window of {self.window}")
        if self.coefficients > self.channels:
            raise ModelError(f"MFCC of {self.coefficients} coefficients from {self.channels} channels")

    @property
    def shape(self) -> tuple[int, int]:
        """Frames and coefficients."""
        return frame_count(self.samples, self.window, self.stride), self.coefficients

    def features(self, samples: Array) -> Array:
        """Mono samples (n,) in -1..1 -> float32 (frames, coefficients).

        Periodic Hann window, magnitudes of the FFT, mel triangles, natural logarithm, DCT-II with every row
        scaled by sqrt(2 / channels). Computed in float64. Raises InputError for a clip that is not mono.
        """
        clip = fitted(samples, self.samples)
        length = fft_length(self.window)
        spectrum = magnitudes(
            frames(clip.astype(np.float64), self.window, self.stride),
            hann(self.window, periodic=True),
            length,
        )
        energies = np.maximum(spectrum @ self._filters(length), FLOOR)
        return np.asarray(np.log(energies) @ cosines(self.channels, self.coefficients), np.float32)

    def _filters(self, length: int) -> Array:
        # HTK leaves out the line that lies nearest to the lower limit, and always direct current.
        line_hz = self.sample_rate_hz / length
        return triangles(
            bins=length // 2 + 1,
            sample_rate_hz=self.sample_rate_hz,
            channels=self.channels,
            low_hz=self.low_hz,
            high_hz=self.high_hz,
            first_bin=int(1.5 + self.low_hz / line_hz),
        )


@functools.lru_cache(maxsize=16)
def cosines(channels: int, coefficients: int) -> Array:
    """DCT-II (channels, coefficients): sqrt(2 / channels) cos(pi i (j + 1/2) / channels), row 0 no exception."""
    angle = np.pi / channels * np.outer(np.arange(channels) + 0.5, np.arange(coefficients))
    matrix = np.sqrt(2.0 / channels) * np.cos(angle)
    matrix.flags.writeable = False
    return np.asarray(matrix)
