"""Log-mel spectrograms as EfficientAT takes them: from the original training code, and from its TensorFlow port.

The two differ by the form of the window and by 400 samples: a network trained on one is not to be run on the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from board_runner.errors import InputError, ModelError
from board_runner.frontends.framing import frames, hann, magnitudes
from board_runner.frontends.mel import triangles
from board_runner.frontends.parameters import MelParameters

ORIGINAL, TENSORFLOW = "original", "tensorflow"
VARIANTS = (ORIGINAL, TENSORFLOW)

OFFSET = 1e-5
"""Added to every energy before the logarithm: silence stays finite."""


@dataclass(frozen=True, kw_only=True)
class LogMel(MelParameters):
    """The parameters; the defaults give 128 mel channels by 200 frames from two seconds.

    `samples` is the length every clip is brought to; `fft`, `window` and `stride` are in samples.

    | variant | pre-emphasis | frame i is weighed around sample | window |
    | --- | --- | --- | --- |
    | original | loses the first sample | `stride` i, the signal reflected at both ends | symmetric Hann |
    | tensorflow | keeps it as it is | `stride` i + `window` / 2, zeros after the end | periodic Hann |
    """

    TITLE = "log-mel"

    variant: str = ORIGINAL
    sample_rate_hz: int = 32000
    samples: int = 64000
    fft: int = 1024
    window: int = 800
    stride: int = 320
    channels: int = 128
    low_hz: float = 0.0
    high_hz: float = 15000.0
    emphasis: float = 0.97

    def __post_init__(self) -> None:
        """Raise ModelError for parameters that make no features."""
        super().__post_init__()
        if self.variant not in VARIANTS:
            raise ModelError(f"log-mel variant {self.variant!r}", hint=f"there are {' and '.join(VARIANTS)}")
        if self.window > self.fft:
            raise ModelError(f"log-mel: a window of {self.window} in an FFT of {self.fft}")
        if self.samples <= self.fft:
            raise ModelError(f"log-mel of {self.samples} samples: no longer than its FFT of {self.fft}")

    @property
    def shape(self) -> tuple[int, int]:
        """Mel channels and frames."""
        if self.variant == ORIGINAL:
            return self.channels, 1 + (self.samples - 1) // self.stride
        return self.channels, -(-self.samples // self.stride)

    def features(self, samples: Array) -> Array:
        """Mono samples (n,) in -1..1 -> float32 (channels, frames).

        Pre-emphasis, power spectrum, mel triangles, natural logarithm, (x + 4.5) / 5. Computed in float64.
        Raises InputError for a clip that is not mono.
        """
        if samples.ndim != 1:
            raise InputError("the clip is not mono")
        clip = centred(samples, self.samples).astype(np.float64)
        framed, weights = self._original(clip) if self.variant == ORIGINAL else self._tensorflow(clip)
        filters = triangles(
            bins=self.fft // 2 + 1,
            sample_rate_hz=self.sample_rate_hz,
            channels=self.channels,
            low_hz=self.low_hz,
            high_hz=self.high_hz,
        )
        energies = magnitudes(framed, weights, self.fft) ** 2 @ filters
        return np.ascontiguousarray(((np.log(energies + OFFSET) + 4.5) / 5).T, np.float32)

    def _original(self, clip: Array) -> tuple[Array, Array]:
        """Frames of a whole FFT around their sample, and a window that stands in their middle."""
        emphasised = clip[1:] - self.emphasis * clip[:-1]
        half = self.fft // 2
        before = (self.fft - self.window) // 2
        weights = np.zeros(self.fft)
        weights[before : before + self.window] = hann(self.window, periodic=False)
        return frames(np.pad(emphasised, half, mode="reflect"), self.fft, self.stride), weights

    def _tensorflow(self, clip: Array) -> tuple[Array, Array]:
        """Frames of one window that begin at their sample; the last ones reach into zeros."""
        emphasised = np.concatenate([clip[:1], clip[1:] - self.emphasis * clip[:-1]])
        needed = (self.shape[1] - 1) * self.stride + self.window
        padded = np.pad(emphasised, (0, max(needed - clip.size, 0)))
        return frames(padded, self.window, self.stride)[: self.shape[1]], hann(self.window, periodic=True)


def centred(samples: Array, count: int) -> Array:
    """Mono samples (n,) -> (count,): the middle of a longer clip, silence after the end of a shorter one."""
    if samples.size < count:
        return np.pad(samples, (0, count - samples.size))
    first = (samples.size - count) // 2
    return samples[first : first + count]
