"""How one wav differs from another: the words for what somebody, or some tool, has done to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from board_runner import audio
from board_runner.audio import Wav
from board_runner.contract import Array
from board_runner.errors import InputError

_ALIKE = 0.999
"""A correlation from which on two signals are one signal: 16 bits against 8 of the same are above it."""

_FULL_SCALE = 32768.0


def described(got: Path, wanted: Path) -> Iterator[str]:
    """What is other in `got` than in `wanted`, in words; empty where it cannot be told."""
    try:
        a = audio.read_wav(got)
    except InputError as e:
        yield f"it cannot be read: {str(e).removeprefix(f'{got}: ')}"
        return
    try:
        b = audio.read_wav(wanted)
    except InputError:
        return
    if a.sample_rate_hz != b.sample_rate_hz:
        yield f"{a.sample_rate_hz} Hz in place of {b.sample_rate_hz} Hz"
    if a.samples.shape[0] != b.samples.shape[0]:
        yield f"{a.samples.shape[0]} channels in place of {b.samples.shape[0]}"
    if a.encoding != b.encoding:
        yield f"{a.encoding} in place of {b.encoding}"
    if a.sample_rate_hz == b.sample_rate_hz:
        yield from _signals(a, b)


def _signals(a: Wav, b: Wav) -> Iterator[str]:
    """Two signals at one rate, by their first channels."""
    got, wanted = a.samples[0].astype(np.float64), b.samples[0].astype(np.float64)
    count = min(got.size, wanted.size)
    if got.size != wanted.size:
        yield f"{got.size} samples in place of {wanted.size}"
    if not np.any(got[:count]):
        yield "silent" if np.any(wanted[:count]) else "equal samples"
        return
    gain, alike = _gain(got[:count], wanted[:count])
    if abs(alike) >= _ALIKE:
        yield (
            "equal samples"
            if np.array_equal(got[:count], wanted[:count])
            else f"{gain:.4g} times the amplitude"
        )
        return
    swapped = _swapped(a)
    if swapped is not None and abs(_gain(swapped[:count], wanted[:count])[1]) >= _ALIKE:
        yield "its bytes are swapped"
        return
    yield "another signal"


def _gain(got: Array, wanted: Array) -> tuple[float, float]:
    """Least squares factor from `wanted` to `got`, and their correlation through the origin."""
    both, ours, theirs = float(got @ wanted), float(wanted @ wanted), float(got @ got)
    if ours == 0 or theirs == 0:
        return 0.0, 0.0
    return both / ours, both / np.sqrt(ours * theirs)


def _swapped(wav: Wav) -> Array | None:
    if wav.encoding != "int16":
        return None
    levels = np.round(wav.samples[0] * _FULL_SCALE).astype("<i2")
    swapped: Array = levels.byteswap().astype(np.float64) / _FULL_SCALE
    return swapped
