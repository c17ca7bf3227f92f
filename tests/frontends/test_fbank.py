"""The filter bank against Kaldi's own, and its edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from board_runner.contract import Array
from board_runner.errors import InputError, ModelError
from board_runner.frontends.fbank import BLOCK, FLOOR, Fbank
from tests.frontends.signals import sweep


@pytest.mark.parametrize("channels", [23, 80])
def test_the_features_are_kaldis(channels: int) -> None:
    """kaldi-native-fbank gives the same numbers, without its dither."""
    clip = np.random.default_rng(8).uniform(-1, 1, 16000).astype(np.float32)
    wanted = _by_kaldi(clip, channels)
    features = Fbank(channels=channels).features(clip)
    assert (wanted.shape, "float32") == (features.shape, features.dtype.name)
    assert np.abs(features - wanted).max() < 1e-4


def test_beside_a_loud_tone_kaldis_rounding_shows() -> None:
    """Its FFT is in float32: in one of a hundred values, far below the tone, it may be off by more than 1e-4."""
    differences = np.abs(Fbank().features(sweep()) - _by_kaldi(sweep(), 80))
    assert np.quantile(differences, 0.99) < 1e-4
    assert differences.max() < 1e-3


def _by_kaldi(clip: Array, channels: int) -> Array:
    knf = pytest.importorskip("kaldi_native_fbank", reason="kaldi-native-fbank is not installed")
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.samp_freq = 16000
    options.mel_opts.num_bins = channels
    computer = knf.OnlineFbank(options)
    computer.accept_waveform(16000, (clip * np.float32(32768)).tolist())
    computer.input_finished()
    return np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])


def test_long_clips_are_as_their_parts() -> None:
    """Frames are worked on in blocks: a frame's features do not depend on where its block begins."""
    clip = np.tile(sweep(), 7)
    features = Fbank().features(clip)
    assert len(features) > BLOCK
    assert np.array_equal(features[BLOCK - 2 : BLOCK + 3], Fbank().features(clip[(BLOCK - 2) * 160 :])[:5])


def test_the_features_follow_the_formulas() -> None:
    """One frame, written out sum by sum from the published formulas."""
    clip = sweep()[:400]
    x = clip.astype(np.float64) * 32768
    x = x - x.mean()
    x = np.array([x[i] - 0.97 * x[max(i - 1, 0)] for i in range(400)])
    x = x * [(0.5 - 0.5 * math.cos(2 * math.pi * i / 399)) ** 0.85 for i in range(400)]
    turns = np.exp(-2j * np.pi * np.outer(np.arange(257), np.arange(400)) / 512)
    power = np.abs(turns @ x) ** 2
    assert np.abs(Fbank().features(clip)[0] - np.log(power @ _triangles())).max() < 1e-5


def _triangles() -> Array:
    def mel(hertz: float) -> float:
        return 1127 * math.log(1 + hertz / 700)

    filters = np.zeros((257, 80))
    step = (mel(8000) - mel(20)) / 81
    for channel in range(80):
        left = mel(20) + channel * step
        for line in range(257):
            at = (mel(line * 31.25) - left) / step
            filters[line, channel] = max(0.0, min(at, 2 - at))
    return filters


def test_silence_is_finite_and_whole_windows_count() -> None:
    """Silence gives the floor; a sample less than two windows' reach gives one frame; less than one is refused."""
    assert np.all(Fbank().features(np.zeros(559, np.float32)) == np.float32(math.log(FLOOR)))
    assert (1, 2) == (len(Fbank().features(np.zeros(559, np.float32))), Fbank().count(560))
    with pytest.raises(InputError, match="399 samples"):
        Fbank().features(np.zeros(399, np.float32))
    with pytest.raises(InputError, match="mono"):
        Fbank().features(np.zeros((2, 400), np.float32))


def test_a_contract_keeps_the_parameters() -> None:
    """What a contract holds makes the same filter bank; a part missing or impossible is refused."""
    plain = Fbank(channels=40, high_hz=7600.0)
    assert plain == Fbank.of(plain.as_front_end(), 16000)
    with pytest.raises(ModelError, match="filter bank"):
        Fbank.of({"window": 400}, 16000)
    with pytest.raises(ModelError, match="channels 0"):
        Fbank(channels=0)
    with pytest.raises(ModelError, match="Hz"):
        Fbank(high_hz=9000.0)
