"""Augmentations of one clip, in numpy: each a plain function, and how its numbers are drawn.

Every function takes and gives float32 (n,); all but `resampled` keep the length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import soxr

from board_runner.contract import Array
from board_runner.errors import UsageError

CHANCE = 0.5
"""How likely each augmentation is for a clip."""

SPEED = "speed"
COLOURS = (0.0, 1.0, 2.0, -1.0)
"""White, pink, brown and blue: power over frequency f is 1 / f^a."""


def gained(x: Array, factor: float, start: int = 0, stop: int | None = None) -> Array:
    """Samples from `start` to `stop`, or all, times a factor."""
    y = x.copy()
    y[start:stop] *= np.float32(factor)
    return y


def shifted(x: Array, count: int) -> Array:
    """`count` samples later, or earlier where negative; silence comes in."""
    y = np.zeros_like(x)
    if count >= 0:
        y[count:] = x[: x.size - count]
    else:
        y[:count] = x[-count:]
    return y


def rolled(x: Array, count: int) -> Array:
    """`count` samples later; what falls out at the end comes in at the start."""
    return np.roll(x, count)


def resampled(x: Array, speed: float) -> Array:
    """`speed` times as fast, and as high: (n,) -> about (n / speed,)."""
    return np.asarray(soxr.resample(x, speed, 1.0, quality="HQ"), np.float32)


def coloured(count: int, exponent: float, rng: np.random.Generator) -> Array:
    """Noise (count,) of root mean square 1 whose power falls as 1 / f^exponent."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    line = np.arange(spectrum.size, dtype=np.float64)
    line[0] = 1.0
    spectrum *= line ** (-exponent / 2)
    spectrum[0] = 0.0
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / max(np.sqrt(np.mean(noise**2)), 1e-12), np.float32)


def noisy(x: Array, noise: Array, snr_db: float) -> Array:
    """x + g noise, where the power of x is 10^(snr_db / 10) times that of g noise, whose own power is 1."""
    level = np.sqrt(np.mean(x.astype(np.float64) ** 2)) * 10 ** (-snr_db / 20)
    return np.asarray(x + np.float32(level) * noise, np.float32)


def window(x: Array, count: int, rng: np.random.Generator) -> Array:
    """(n,) -> (count,): any stretch of a longer clip, each as likely; silence after the end of a shorter one."""
    if x.size <= count:
        return np.pad(x, (0, count - x.size))
    first = int(rng.integers(x.size - count + 1))
    return x[first : first + count]


def _stretch(x: Array, rng: np.random.Generator, share: float) -> tuple[int, int]:
    """Start and stop of a stretch of at most `share` of the clip."""
    length = int(rng.integers(1, max(int(x.size * share), 1) + 1))
    start = int(rng.integers(x.size - length + 1))
    return start, start + length


def _amp(x: Array, rng: np.random.Generator) -> Array:
    return gained(x, rng.uniform(0.5, 1.3))


def _neg(x: Array, rng: np.random.Generator) -> Array:
    return -x


def _tshift(x: Array, rng: np.random.Generator) -> Array:
    most = x.size // 10
    return shifted(x, int(rng.integers(-most, most + 1)))


def _tmask(x: Array, rng: np.random.Generator) -> Array:
    return gained(x, 0.0, *_stretch(x, rng, 0.1))


def _ampsegment(x: Array, rng: np.random.Generator) -> Array:
    return gained(x, rng.uniform(0.5, 1.3), *_stretch(x, rng, 0.25))


def _cycshift(x: Array, rng: np.random.Generator) -> Array:
    return rolled(x, int(rng.integers(x.size)))


def _noise(x: Array, rng: np.random.Generator) -> Array:
    noise = coloured(x.size, COLOURS[rng.integers(len(COLOURS))], rng)
    return noisy(x, noise, rng.uniform(10.0, 40.0))


DRAWN: Mapping[str, Callable[[Array, np.random.Generator], Array]] = {
    "amp": _amp,
    "neg": _neg,
    "tshift": _tshift,
    "tmask": _tmask,
    "ampsegment": _ampsegment,
    "cycshift": _cycshift,
    "noise": _noise,
}
"""Name -> the augmentation with numbers that it draws. `speed` comes before these, and before the window."""

NAMES = (SPEED, *DRAWN)


def check(names: Sequence[str]) -> None:
    """Raise UsageError for a name that is no augmentation."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise UsageError(f"no augmentation {unknown[0]!r}", hint=f"known: {', '.join(NAMES)}")


def at_any_speed(x: Array, names: Sequence[str], rng: np.random.Generator) -> Array:
    """`speed` by 0.8 to 1.2, where it is among the names and its chance comes."""
    if SPEED not in names or rng.random() >= CHANCE:
        return x
    return resampled(x, rng.uniform(0.8, 1.2))


def augmented(x: Array, names: Sequence[str], rng: np.random.Generator) -> Array:
    """(n,) -> (n,): the named ones but `speed`, in the order of `DRAWN`, each by its chance."""
    for name, change in DRAWN.items():
        if name in names and rng.random() < CHANCE:
            x = change(x, rng)
    return x
