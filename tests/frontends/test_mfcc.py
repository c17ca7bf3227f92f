"""The MFCC front end against TensorFlow's operators and against PyTorch's STFT, and its pieces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board_runner.contract import Array
from board_runner.errors import InputError, ModelError
from board_runner.frontends.framing import fitted, frame_count, frames, hann
from board_runner.frontends.mel import triangles
from board_runner.frontends.mfcc import FLOOR, Mfcc
from tests.frontends.signals import sweep

TENSORFLOW = Path(__file__).with_name("tensorflow_mfcc.json")


@pytest.mark.parametrize("window", [512, 640])
def test_the_features_are_tensorflows(window: int) -> None:
    """The operators that the speech-commands recipes train with gave these numbers for the same sweep."""
    wanted = np.asarray(json.loads(TENSORFLOW.read_text(encoding="utf-8"))[str(window)])
    features = Mfcc(window=window).features(sweep())
    assert (features.shape, features.dtype.name) == ((49, 10), "float32")
    assert np.abs(features - wanted).max() < 1e-4


@pytest.mark.torch
@pytest.mark.parametrize("window", [512, 640])
def test_the_features_are_those_of_another_implementation(window: int) -> None:
    """PyTorch's STFT and window, a filter bank written frequency by frequency and SciPy's DCT formula agree."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    clip = np.random.default_rng(8).uniform(-1, 1, 16000).astype(np.float32)
    assert np.abs(Mfcc(window=window).features(clip) - _by_torch(torch, clip, window)).max() < 1e-4


def _by_torch(torch: Any, clip: Array, window: int) -> Array:
    length = 2 ** int(np.ceil(np.log2(window)))
    framed = torch.from_numpy(clip.astype(np.float64)).unfold(0, window, 320)
    padded = torch.nn.functional.pad(
        framed * torch.hann_window(window, dtype=torch.float64), (0, length - window)
    )
    spectrum = torch.stft(
        padded.reshape(-1),
        n_fft=length,
        hop_length=length,
        window=torch.ones(length, dtype=torch.float64),
        center=False,
        return_complex=True,
    ).abs()
    peaks = [700 * ((1 + 20 / 700) ** (1 - x) * (1 + 4000 / 700) ** x - 1) for x in np.arange(42) / 41]
    bank = torch.zeros(40, len(spectrum), dtype=torch.float64)
    for line in range(len(spectrum)):
        hertz = line * 16000 / length
        if hertz < 20 + 8000 / length:
            continue
        for channel in range(40):
            low, middle, high = (np.log(1 + peak / 700) for peak in peaks[channel : channel + 3])
            here = np.log(1 + hertz / 700)
            if low < here <= middle:
                bank[channel, line] = (here - low) / (middle - low)
            elif middle < here < high:
                bank[channel, line] = (high - here) / (high - middle)
    logs = (bank @ spectrum).clamp(min=1e-12).log()
    k, n = torch.arange(10)[:, None], torch.arange(40)[None]
    dct = 2 * torch.cos(torch.pi * k * (2 * n + 1) / 80).double()
    return np.asarray((dct @ logs).T / np.sqrt(80))


def test_silence_has_finite_features() -> None:
    """All channels at the floor: the first coefficient says so, the others are nothing."""
    features = Mfcc().features(np.zeros(16000, np.float32))
    assert features[:, 0] == pytest.approx(np.sqrt(80) * np.log(FLOOR), rel=1e-6)
    assert np.abs(features[:, 1:]).max() < 1e-4


@pytest.mark.parametrize("length", [1, 15999, 16000, 16001, 40000])
def test_a_clip_of_any_length_gives_the_same_shape(length: int) -> None:
    """What is too short ends in silence, what is too long is cut: the frames both have are equal."""
    clip = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    whole = np.concatenate([clip, np.zeros(16000, np.float32)])[:16000]
    assert np.array_equal(Mfcc().features(clip), Mfcc().features(whole))


def test_frames_are_whole_windows() -> None:
    """The count is the formula's, the frames are views at the stride, and a rest is dropped."""
    x = np.arange(20)
    assert [list(row) for row in frames(x, 8, 5)] == [list(range(i, i + 8)) for i in (0, 5, 10)]
    assert [frame_count(n, 8, 5) for n in (7, 8, 12, 13)] == [0, 1, 1, 2]
    with pytest.raises(InputError, match="7 samples"):
        frames(x[:7], 8, 5)
    with pytest.raises(InputError, match="not mono"):
        frames(x[None], 8, 5)
    assert list(fitted(x[:3], 5)) == [0, 1, 2, 0, 0]


def test_windows_are_periodic_or_symmetric() -> None:
    """A symmetric window ends at zero, a periodic one where the next period begins."""
    assert hann(9, periodic=False)[[0, 4, 8]] == pytest.approx([0, 1, 0], abs=1e-12)
    assert np.allclose(hann(8, periodic=True), hann(9, periodic=False)[:8])


def test_the_filters_sum_to_one_between_the_outer_peaks() -> None:
    """Neighbouring triangles overlap so that no frequency counts more than another."""
    filters = triangles(bins=513, sample_rate_hz=16000, channels=40, low_hz=0.0, high_hz=8000.0)
    inner = (filters[:, 0] < 1e-9).argmax()
    total = filters.sum(axis=1)
    first, last = filters[:, 0].argmax() + 1, filters[:, -1].argmax()
    assert inner == 0
    assert total[first:last] == pytest.approx(np.ones(last - first))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"window": 0}, "window 0"),
        ({"samples": 100}, "shorter than its window"),
        ({"coefficients": 41}, "41 coefficients from 40"),
        ({"high_hz": 9000.0}, "9000.0 Hz at 16000"),
    ],
)
def test_parameters_that_make_no_features_are_named(change: dict[str, Any], fault: str) -> None:
    """A wrong number is refused where it is given."""
    with pytest.raises(ModelError, match=fault):
        Mfcc(**change)


def test_a_contract_keeps_the_parameters() -> None:
    """What a contract stores gives the same front end again; a hole in it is named."""
    mfcc = Mfcc(window=640, coefficients=12)
    stored = mfcc.as_front_end()
    assert Mfcc.of(stored, 16000) == mfcc
    del stored["stride"]
    with pytest.raises(ModelError, match="stride"):
        Mfcc.of(stored, 16000)
