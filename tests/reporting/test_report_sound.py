"""The worst clips: their sound comes back from the page, their spectrogram shows what is in them."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from deployer.records import RunRecord
from deployer.reporting import audio
from deployer.reporting.clips import clip_rows, worst
from deployer.reporting.figures.sound import FLOOR_DB, spectrogram_db
from deployer.statistics import summarise
from tests.reporting import made

RATE_HZ = 16000


def _tone(hertz: float, seconds: float) -> np.ndarray:
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (0.5 * np.sin(2 * np.pi * hertz * at)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The mixed clip: a second of 1 kHz."""
    soundfile.write(tmp_path / made.MIXED, _tone(1000, 1.0), RATE_HZ, subtype="FLOAT")
    return tmp_path


def _heard(record: RunRecord, folder: Path | None) -> dict[str, audio.Heard]:
    rows = worst(clip_rows(record, summarise(record)), 5)
    return {each.row.clip: each for each in audio.heard(record, rows, folder, name="x")}


def test_a_worst_clip_is_heard_as_it_was_run(record: RunRecord, folder: Path) -> None:
    """libsndfile decodes the Ogg in the page to the wav's own samples, but for what Vorbis loses."""
    digest = hashlib.sha256((folder / made.MIXED).read_bytes()).hexdigest()
    mixed = _heard(dataclasses.replace(record, sha256={made.MIXED: digest}), folder)[made.MIXED]

    kind, encoded = mixed.ogg_uri.split(",")
    decoded, rate = soundfile.read(io.BytesIO(base64.b64decode(encoded)))
    assert ("data:audio/ogg;base64", RATE_HZ, False) == (kind, rate, mixed.cut)
    assert np.corrcoef(decoded[:RATE_HZ], _tone(1000, 1.0)[: len(decoded)])[0, 1] > 0.99


def test_another_file_of_the_same_name_is_not_played(record: RunRecord, folder: Path) -> None:
    """What was run has a hash in the record; a wav with another one would mislead the ear."""
    mixed = _heard(record, folder)[made.MIXED]

    assert "" == mixed.ogg_uri
    assert "another file than the one that was run" in mixed.missing


@pytest.mark.parametrize(("content", "why"), [(None, "is not in"), (b"RIFF", "broken.wav")])
def test_a_clip_that_cannot_be_read_says_why(
    record: RunRecord, tmp_path: Path, content: bytes | None, why: str
) -> None:
    """The page is made all the same."""
    renamed = dataclasses.replace(record.failures[0], clip="broken.wav")
    if content is not None:
        (tmp_path / "broken.wav").write_bytes(content)

    assert why in _heard(dataclasses.replace(record, failures=(renamed,)), tmp_path)["broken.wav"].missing


def test_a_clip_cannot_lead_out_of_the_folder(record: RunRecord, tmp_path: Path) -> None:
    """A name with a path in it, from a record of somebody else, reads no file."""
    (tmp_path / "clips").mkdir()
    soundfile.write(tmp_path / "secret.wav", _tone(100, 0.1), RATE_HZ)
    outside = dataclasses.replace(record.failures[0], clip="../secret.wav")

    found = _heard(dataclasses.replace(record, failures=(outside,)), tmp_path / "clips")

    assert "is not in" in found["../secret.wav"].missing


def test_a_long_clip_is_cut(record: RunRecord, folder: Path) -> None:
    """The page stays small: the first seconds, and it says so."""
    soundfile.write(folder / made.MIXED, _tone(50, audio.MOST_SECONDS + 1.0), RATE_HZ, subtype="FLOAT")
    mixed = _heard(dataclasses.replace(record, sha256={}), folder)[made.MIXED]

    decoded, _ = soundfile.read(io.BytesIO(base64.b64decode(mixed.ogg_uri.split(",")[1])))
    assert mixed.cut
    assert audio.MOST_SECONDS * RATE_HZ == pytest.approx(len(decoded), abs=4096)


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
