"""EfficientAT's log-mel spectrograms, held against PyTorch's STFT and a filter bank written line by line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from board_runner.contract import Array
from board_runner.errors import InputError, ModelError
from board_runner.frontends.logmel import ORIGINAL, TENSORFLOW, LogMel, centred


def noise(samples: int = 64000, seed: int = 3) -> Array:
    """Seeded noise in -1..1."""
    return np.random.default_rng(seed).uniform(-1, 1, samples).astype(np.float32)


def chirp(samples: int = 64000) -> Array:
    """From 100 Hz to 12 kHz: every filter has its turn, and most are near the floor the rest of the time."""
    t = np.arange(samples) / 32000
    return (0.4 * np.sin(2 * np.pi * (100 * t + 2975 * t * t))).astype(np.float32)


@pytest.mark.torch
@pytest.mark.parametrize("clip", [noise(), chirp()], ids=["noise", "chirp"])
@pytest.mark.parametrize("variant", [ORIGINAL, TENSORFLOW])
def test_the_features_are_those_of_another_implementation(variant: str, clip: Array) -> None:
    """PyTorch's windows and transforms and a bank made frequency by frequency give the same to 1e-4."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    wanted = (_original if variant == ORIGINAL else _tensorflow)(torch, torch.from_numpy(clip).double())
    features = LogMel(variant=variant).features(clip)
    assert (features.shape, features.dtype.name) == ((128, 200), "float32")
    assert np.abs(features - wanted).max() < 1e-4


def _original(torch: Any, x: Any) -> Array:
    """conv1d with (-0.97, 1), centred STFT of a symmetric window."""
    kernel = torch.tensor([[[-0.97, 1.0]]], dtype=torch.float64)
    y = torch.nn.functional.conv1d(x[None, None], kernel)[0, 0]
    window = torch.hann_window(800, periodic=False, dtype=torch.float64)
    return _finished(torch, torch.stft(y, 1024, 320, 800, window, center=True, return_complex=True))


def _tensorflow(torch: Any, x: Any) -> Array:
    """Frames cut from the signal and its zeros after the end, an FFT with zeros after each window."""
    y = torch.cat([x[:1], x[1:] - 0.97 * x[:-1]])
    framed = torch.nn.functional.pad(y, (0, 800)).unfold(0, 800, 320)[:200]
    window = torch.hann_window(800, periodic=True, dtype=torch.float64)
    return _finished(torch, torch.fft.rfft(framed * window, 1024).T)


def _finished(torch: Any, spectrum: Any) -> Array:
    """Kaldi's bank over the first 512 lines, logarithm, scaling."""
    power = spectrum.abs() ** 2
    top = 1127 * np.log(1 + 15000 / 700)
    bank = torch.zeros(128, 513, dtype=torch.float64)
    for line in range(512):
        here = 1127 * np.log(1 + line * 32000 / 1024 / 700)
        for channel in range(128):
            low, middle, high = (top * (channel + i) / 129 for i in range(3))
            if low < here < high:
                rising, falling = (here - low) / (middle - low), (high - here) / (high - middle)
                bank[channel, line] = rising if here <= middle else falling
    return np.asarray(((bank @ power + 1e-5).log() + 4.5) / 5)


def test_silence_has_one_finite_value() -> None:
    """(ln 1e-5 + 4.5) / 5 everywhere, in both variants."""
    for variant in (ORIGINAL, TENSORFLOW):
        features = LogMel(variant=variant).features(np.zeros(64000, np.float32))
        assert features == pytest.approx((np.log(1e-5) + 4.5) / 5)


def test_the_variants_are_400_samples_apart() -> None:
    """A clip that comes 400 samples later in the port gives almost what the original gave."""
    clip = noise()
    plain, port = LogMel(), LogMel(variant=TENSORFLOW)
    moved = np.concatenate([np.zeros(400, np.float32), clip])[:64000]
    inner = slice(10, 190)
    unmoved = np.abs(plain.features(clip) - port.features(clip))[:, inner].mean()
    aligned = np.abs(plain.features(clip) - port.features(moved))[:, inner].mean()
    assert aligned < unmoved / 50
    assert unmoved > 0.1


@pytest.mark.parametrize("length", [1, 63999, 64000, 64001, 160000])
def test_a_clip_of_any_length_gives_the_same_shape(length: int) -> None:
    """A short clip ends in silence, of a long one the middle counts."""
    clip = noise(length)
    fitted = centred(clip, 64000)
    first = max(0, (length - 64000) // 2)
    wanted = np.concatenate([clip[first : first + 64000], np.zeros(64000, np.float32)])[:64000]
    assert np.array_equal(fitted, wanted)
    assert LogMel().features(clip).shape == (128, 200)


def test_longer_inputs_have_more_frames() -> None:
    """Ten seconds make a thousand frames in both variants."""
    for variant in (ORIGINAL, TENSORFLOW):
        mel = LogMel(variant=variant, samples=320000)
        assert mel.shape == (128, 1000) == mel.features(noise(320000)).shape


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"variant": "keras"}, "variant 'keras'"),
        ({"stride": 0}, "stride 0"),
        ({"window": 1025}, "1025 in an FFT of 1024"),
        ({"samples": 1024}, "no longer than its FFT"),
        ({"high_hz": 16001.0}, "16001.0 Hz at 32000"),
    ],
)
def test_parameters_that_make_no_features_are_named(change: dict[str, Any], fault: str) -> None:
    """A wrong number is refused where it is given."""
    with pytest.raises(ModelError, match=fault):
        LogMel(**change)


def test_a_clip_of_two_channels_is_refused() -> None:
    """The front end hears mono alone."""
    with pytest.raises(InputError, match="not mono"):
        LogMel().features(np.zeros((2, 64000), np.float32))
