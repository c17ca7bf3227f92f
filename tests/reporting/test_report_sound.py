"""The worst clips: their sound comes back from the page, their spectrogram shows what is in them."""

from __future__ import annotations

import base64
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from deployer.reporting import audio
from deployer.reporting.figures.sound import FLOOR_DB, spectrogram_db

RATE_HZ = 16000


def _tone(hertz: float, seconds: float) -> np.ndarray:
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (0.5 * np.sin(2 * np.pi * hertz * at)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clip: a second of 1 kHz."""
    soundfile.write(tmp_path / "tone.wav", _tone(1000, 1.0), RATE_HZ, subtype="FLOAT")
    return tmp_path


def _decoded(sound: audio.Sound) -> np.ndarray:
    kind, encoded = sound.ogg_uri.split(",")
    decoded, rate = soundfile.read(io.BytesIO(base64.b64decode(encoded)), dtype="float32")
    assert ("data:audio/ogg;base64", RATE_HZ) == (kind, rate)
    return np.asarray(decoded)


def test_a_clip_is_heard_as_it_was_run(folder: Path) -> None:
    """libsndfile decodes the Ogg in the page to the wav's own samples, but for what Vorbis loses."""
    digest = hashlib.sha256((folder / "tone.wav").read_bytes()).hexdigest()
    found = audio.of_folder("tone.wav", folder, sha256=digest, name="x")

    decoded = _decoded(found)
    assert not found.cut
    assert np.corrcoef(decoded[:RATE_HZ], _tone(1000, 1.0)[: len(decoded)])[0, 1] > 0.99
    assert found.plot is not None
    assert "1.00 s at 16000 Hz; its peak is 6.0 dB below full scale." == found.plot.caption


def test_another_file_of_the_same_name_is_not_played(folder: Path) -> None:
    """What was run has a hash in the record; a wav with another one would mislead the ear."""
    found = audio.of_folder("tone.wav", folder, sha256="ab" * 32, name="x")

    assert "" == found.ogg_uri
    assert "another file than the one that was run" in found.missing


def test_a_clip_that_cannot_be_read_says_why(folder: Path) -> None:
    """Not there, no folder, no audio: the page is made all the same."""
    (folder / "broken.wav").write_bytes(b"RIFF")

    assert "is not in" in audio.of_folder("none.wav", folder, sha256=None, name="x").missing
    assert "not known" in audio.of_folder("tone.wav", None, sha256=None, name="x").missing
    assert "broken.wav" in audio.of_folder("broken.wav", folder, sha256=None, name="x").missing


def test_a_clip_cannot_lead_out_of_the_folder(folder: Path) -> None:
    """A name with a path in it, from a record of somebody else, reads no file."""
    (folder / "clips").mkdir()

    assert "is not in" in audio.of_folder("../tone.wav", folder / "clips", sha256=None, name="x").missing


def test_a_long_clip_is_cut_and_channels_are_mixed(tmp_path: Path) -> None:
    """The page stays small: the first seconds, and it says so; of two channels the mean is heard."""
    long = _tone(200, audio.MOST_SECONDS + 1.0)
    soundfile.write(tmp_path / "a.wav", np.stack([long, 0 * long], axis=1), RATE_HZ, subtype="FLOAT")
    found = audio.of_file(tmp_path / "a.wav", name="x")

    decoded = _decoded(found)
    assert found.cut
    assert len(decoded) == pytest.approx(audio.MOST_SECONDS * RATE_HZ, abs=4096)
    assert float(np.abs(decoded[RATE_HZ:-RATE_HZ]).max()) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("hertz", [500.0, 2000.0, 6000.0])
def test_a_tone_is_the_loudest_row_of_its_spectrogram(hertz: float) -> None:
    """0 dB at its frequency in every frame, to half a row; what is far from it lies near the floor."""
    picture = spectrogram_db(_tone(hertz, 2.0), RATE_HZ)
    rows = picture.shape[0]

    expected = hertz / (RATE_HZ / 2) * rows
    assert np.all(np.abs(picture.argmax(axis=0) + 0.5 - expected) <= 1.0)
    assert picture.max() == pytest.approx(0.0)
    assert picture[(int(expected) + rows // 2) % rows].max() < FLOOR_DB + 20


@pytest.mark.parametrize("samples", [1, 100, 513, 40_000])
def test_any_length_and_silence_have_a_spectrogram(samples: int) -> None:
    """A clip below one window, and one without a sound, are drawn too."""
    assert np.all(FLOOR_DB == spectrogram_db(np.zeros(samples, np.float32), RATE_HZ))
