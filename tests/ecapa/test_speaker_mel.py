"""The 80-mel front end against librosa, its windows of frames, and the model module around it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board_runner import models
from board_runner.contract import InputContract
from board_runner.errors import InputError, ModelError
from board_runner.frontends import slaney
from board_runner.frontends.speaker_mel import NOTHING, SpeakerMel
from board_runner.models import ecapa
from board_runner.models.base import Embedding
from tests.frontends.signals import sweep

REFERENCES = json.loads(Path(__file__).with_name("references.json").read_text(encoding="utf-8"))


def test_the_features_are_librosas() -> None:
    """Reflection, window, magnitudes, Slaney's filters and logarithm: within 1e-4 of what librosa computed."""
    features = SpeakerMel().spectrogram(sweep())
    wanted = np.asarray(REFERENCES["mel"])
    assert (features.shape, features.dtype.name) == ((80, 101), "float32")
    assert np.abs(features.T[::4] - wanted).max() < 1e-4


@pytest.mark.torch
def test_the_spectra_are_pytorchs() -> None:
    """On noise, where every channel counts: PyTorch's centred STFT with the same filters gives the same."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    clip = np.random.default_rng(8).uniform(-1, 1, 9000).astype(np.float32)
    spectrum = torch.stft(
        torch.from_numpy(clip.astype(np.float64)),
        n_fft=400,
        hop_length=160,
        window=torch.hann_window(400, dtype=torch.float64),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    ).abs()
    filters = slaney.triangles(bins=201, sample_rate_hz=16000, channels=80, low_hz=0.0, high_hz=8000.0)
    wanted = np.log(np.maximum(filters.T @ spectrum.numpy(), 1e-5)) / 6 + 1
    assert np.abs(SpeakerMel().spectrogram(clip) - wanted).max() < 1e-5


def test_the_mel_scale_is_slaneys() -> None:
    """15 mels at 1000 Hz, 27 more at 6400 Hz, back again, and filters of area 1."""
    assert slaney.hertz_to_mel(np.array([0.0, 200.0, 1000.0, 6400.0])) == pytest.approx([0, 3, 15, 42])
    hertz = np.linspace(0, 8000, 50)
    assert slaney.mel_to_hertz(slaney.hertz_to_mel(hertz)) == pytest.approx(hertz)
    filters = slaney.triangles(bins=8001, sample_rate_hz=16000, channels=80, low_hz=0.0, high_hz=8000.0)
    assert filters.sum(axis=0) == pytest.approx(np.ones(80), rel=1e-3)


def test_silence_and_nothing_are_told_apart() -> None:
    """A silent clip is at the floor of the logarithm; frames that a clip has not are below it."""
    mel = SpeakerMel()
    assert mel.features(np.zeros(32000, np.float32)) == pytest.approx(np.log(1e-5) / 6 + 1, abs=1e-6)
    short = mel.features(np.zeros(8000, np.float32))
    assert (short[:, 51:] == NOTHING).all()
    assert (short[:, :51] > NOTHING + 0.05).all()


def test_a_window_is_cut_out_of_the_whole_spectrogram() -> None:
    """The middle, or from any frame on; the clip is reflected at its own ends, never at the window's."""
    mel = SpeakerMel(frames=20)
    whole = mel.spectrogram(sweep())
    assert np.array_equal(mel.features(sweep()), whole[:, 40:60])
    assert np.array_equal(mel.features(sweep(), 81), whole[:, 81:])
    for start in (-1, 82):
        with pytest.raises(InputError, match="the clip has 101"):
            mel.features(sweep(), start)


@pytest.mark.parametrize("samples", [201, 31839, 31840, 32000, 80000])
def test_a_clip_of_any_length_fills_the_input(samples: int) -> None:
    """From one frame on; `samples` of the contract is the least length that needs no filling."""
    clip = np.random.default_rng(1).uniform(-1, 1, samples).astype(np.float32)
    [chunk] = models.get("ecapa").chunks(clip, ecapa.contract())
    ecapa.contract().inputs[0].check(chunk["mel"])
    assert (chunk["mel"] == NOTHING).any() == (samples < SpeakerMel().samples)


def test_clips_and_contracts_that_do_not_fit_are_refused() -> None:
    """No samples, too few to reflect, two channels, another model's contract, another count of frames."""
    contract = ecapa.contract()
    for clip, fault in (
        (np.zeros(0), "empty"),
        (np.zeros(200), "200 samples"),
        (np.zeros((2, 400)), "not mono"),
    ):
        with pytest.raises(InputError, match=fault):
            next(ecapa.chunks(clip.astype(np.float32), contract))
    with pytest.raises(ModelError, match="not a contract of the speaker mel front end"):
        next(ecapa.chunks(sweep(), models.get("eat").contract()))
    other = InputContract.from_json(contract.to_json().replace('"frames": 200', '"frames": 100'))
    with pytest.raises(ModelError, match=r"front end makes \[80, 100\]"):
        next(ecapa.chunks(sweep(), other))


@pytest.mark.parametrize(
    ("change", "fault"),
    [({"stride": 0}, "stride 0"), ({"high_hz": 9000.0}, "9000.0 Hz at 16000"), ({"frames": -1}, "frames -1")],
)
def test_parameters_that_make_no_features_are_named(change: dict[str, Any], fault: str) -> None:
    """A wrong number is refused where it is given."""
    with pytest.raises(ModelError, match=fault):
        SpeakerMel(**change)


def test_a_contract_keeps_the_parameters() -> None:
    """What a contract stores gives the same front end again; a hole in it is named."""
    mel = SpeakerMel(frames=100, channels=40)
    stored = mel.as_front_end()
    assert SpeakerMel.of(stored, 16000) == mel
    del stored["stride"]
    with pytest.raises(ModelError, match="stride"):
        SpeakerMel.of(stored, 16000)


def test_the_answer_is_a_direction() -> None:
    """The embedding at length 1, whatever its length; none that is zero, infinite or missing."""
    out = {"embedding": np.array([[3.0, 4.0]], np.float32), "attention": np.zeros((1, 2, 2), np.float32)}
    assert ecapa.decode([out]) == Embedding(vector=(0.6, 0.8))
    for wrong in ([], [out, out], [{"attention": out["attention"]}], [{"embedding": np.zeros((1, 2))}]):
        with pytest.raises(ModelError):
            ecapa.decode(wrong)
    with pytest.raises(ModelError, match="not finite"):
        ecapa.decode([{"embedding": np.array([[np.inf, 1.0]])}])
