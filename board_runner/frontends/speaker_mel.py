"""The 80-mel front end of the speaker embeddings: magnitudes, Slaney's filters, logarithm, a window of frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from board_runner.errors import InputError
from board_runner.frontends.framing import frames, hann, magnitudes
from board_runner.frontends.parameters import MelParameters
from board_runner.frontends.slaney import triangles

FLOOR = 1e-5
"""Least mel magnitude before the logarithm."""

SCALE, SHIFT = 1 / 6, 1.0
"""What brings logarithms from -12 to 0 to the range of -1 to 1."""

NOTHING = -1.0
"""The value of frames that a clip does not have, below that of silence: log(FLOOR) / 6 + 1 = -0.919."""


@dataclass(frozen=True, kw_only=True)
class SpeakerMel(MelParameters):
    """The parameters; the defaults give 80 channels by 200 frames, 2 seconds, as the seed's network takes them.

    `fft` is also the length of the window; `stride` is in samples.
    """

    TITLE = "speaker mel"

    sample_rate_hz: int = 16000
    frames: int = 200
    fft: int = 400
    stride: int = 160
    channels: int = 80
    low_hz: float = 0.0
    high_hz: float = 8000.0

    @property
    def shape(self) -> tuple[int, int]:
        """Mel channels and frames."""
        return self.channels, self.frames

    @property
    def samples(self) -> int:
        """The fewest samples that have all frames."""
        return (self.frames - 1) * self.stride

    def as_front_end(self) -> dict[str, float | int | str]:
        """The parameters as an input contract keeps them, but for the rate; `samples` is there for readers."""
        return {"samples": self.samples, **super().as_front_end()}

    def frame_count(self, samples: int) -> int:
        """How many frames a clip of so many samples has: one around every `stride`-th sample."""
        return 1 + samples // self.stride

    def spectrogram(self, samples: Array) -> Array:
        """Mono samples (n,) in -1..1 -> float32 (channels, every frame), about -1 to 1.

        The clip reflected at both ends, periodic Hann window, magnitudes (no power), Slaney's filters, natural
        logarithm of at least `FLOOR`, x / 6 + 1. Computed in float64. Raises InputError for a clip that is not
        mono, or too short to be reflected.
        """
        if samples.ndim != 1:
            raise InputError("the clip is not mono")
        half = self.fft // 2
        if samples.size <= half:
            raise InputError(
                "no samples: the clip is empty"
                if samples.size == 0
                else f"the clip has {samples.size} samples, one frame takes {half + 1}"
            )
        padded = np.pad(samples.astype(np.float64), half, mode="reflect")
        spectrum = magnitudes(frames(padded, self.fft, self.stride), hann(self.fft, periodic=True), self.fft)
        filters = triangles(
            bins=self.fft // 2 + 1,
            sample_rate_hz=self.sample_rate_hz,
            channels=self.channels,
            low_hz=self.low_hz,
            high_hz=self.high_hz,
        )
        logs = np.log(np.maximum(spectrum @ filters, FLOOR))
        return np.ascontiguousarray((logs * SCALE + SHIFT).T, np.float32)

    def window(self, spectrogram: Array, start: int | None = None) -> Array:
        """(channels, n) -> (channels, frames) from frame `start` on, the middle without one.

        A spectrogram that is too short is filled up with `NOTHING` at its end. Raises InputError for a start
        after which not all frames follow.
        """
        missing = self.frames - spectrogram.shape[1]
        if missing > 0:
            spectrogram = np.pad(spectrogram, ((0, 0), (0, missing)), constant_values=NOTHING)
        spare = spectrogram.shape[1] - self.frames
        first = spare // 2 if start is None else start
        if not 0 <= first <= spare:
            raise InputError(
                f"no {self.frames} frames from frame {first} on: the clip has {spare + self.frames}"
            )
        return np.ascontiguousarray(spectrogram[:, first : first + self.frames])

    def features(self, samples: Array, start: int | None = None) -> Array:
        """Mono samples (n,) -> float32 (channels, frames): `window` of `spectrogram`."""
        return self.window(self.spectrogram(samples), start)
