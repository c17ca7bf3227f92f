"""Any audio in, the board's wavs out, and nothing half done."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

import board_runner
from board_runner import audio
from board_runner.contract import Array
from board_runner.errors import InputError
from board_runner.models import eat
from deployer import prepare
from deployer.events import Event, Warned, ignore

CONTRACT = eat.contract()
CLIP = Path(board_runner.__file__).parent / "data" / "clips" / "5-203128-A-0_22.05k.wav"


def _tone(
    path: Path, *, rate: int = 44100, channels: int = 1, subtype: str = "PCM_16", peak: float = 0.5
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    time_s = np.arange(rate // 4) / rate
    wave = peak * np.sin(2 * np.pi * 440 * time_s)
    soundfile.write(path, np.stack([wave] * channels, axis=1), rate, subtype=subtype)
    return path


def _one(source: Path, out: Path) -> tuple[prepare.Prepared, Array]:
    (item,) = prepare.prepare([source], out, CONTRACT, emit=ignore)
    wav = audio.read_wav(item.target)
    assert "int16" == wav.encoding
    return item, audio.require(wav, 22050)


@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype"),
    [
        ("a.wav", 44100, 1, "PCM_16"),
        ("a.wav", 48000, 2, "PCM_24"),
        ("a.wav", 8000, 1, "PCM_U8"),
        ("a.wav", 22050, 2, "FLOAT"),
        ("a.wav", 22050, 1, "ULAW"),
        ("a.flac", 96000, 1, "PCM_24"),
        ("a.ogg", 44100, 2, "VORBIS"),
    ],
)
def test_any_audio_becomes_the_same_tone(
    tmp_path: Path, name: str, rate: int, channels: int, subtype: str
) -> None:
    """Rate, width, channels and container change, the sound does not; the record says what was done."""
    source = _tone(tmp_path / name, rate=rate, channels=channels, subtype=subtype)

    item, samples = _one(source, tmp_path / "out")

    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(samples.size) / 22050)
    middle = slice(500, -500)  # a resampler rings at both ends
    tolerance = {"PCM_U8": 0.02, "VORBIS": 0.05, "ULAW": 0.02}.get(subtype, 1e-3)
    np.testing.assert_allclose(samples[middle], expected[middle], atol=tolerance)
    assert abs(item.seconds - 0.25) < 1e-3
    assert ("resampled" in item.note) == (rate != 22050)
    assert ("mixed 2 channels" in item.note) == (channels == 2)


def test_an_exact_file_is_copied_byte_for_byte(tmp_path: Path) -> None:
    """What the board reads already is not touched, and gets no second suffix; in place it stays as it is."""
    item, _ = _one(CLIP, tmp_path)
    again, _ = _one(item.target, tmp_path)

    assert CLIP.name == item.target.name == again.target.name
    assert CLIP.read_bytes() == item.target.read_bytes()
    assert item.copied and again.copied


def test_rounding_is_half_to_even_and_clipping_is_counted() -> None:
    """Halves go to the even neighbour; what does not fit in 16 bits is limited and told."""
    samples, clipped = prepare.to_int16(
        np.array([0.5, 1.5, 2.5, -0.5, -1.5, 32768, 40000, -32769, -32768]) / 32768
    )

    assert [0, 2, 2, 0, -2, 32767, 32767, -32768, -32768] == samples.tolist()
    assert 3 == clipped


def test_clipping_and_silence_are_told(tmp_path: Path) -> None:
    """A clip that is too loud or holds nothing is prepared, with a warning that names it."""
    loud = _tone(tmp_path / "loud.wav", subtype="FLOAT", peak=1.5)
    silent = _tone(tmp_path / "silent.wav", peak=0.0)
    events: list[Event] = []

    items = prepare.prepare([loud, silent], tmp_path / "out", CONTRACT, emit=events.append)

    assert (True, False) == (items[0].clipped_samples > 0, items[0].silent)
    assert (0, True) == (items[1].clipped_samples, items[1].silent)
    assert 2 == sum(isinstance(event, Warned) for event in events)


def test_folders_are_walked_and_the_rest_is_told(tmp_path: Path) -> None:
    """Audio anywhere below a folder is taken, in order; other files are counted, hidden ones ignored."""
    for name in ("in/b.wav", "in/deep/a.flac"):
        _tone(tmp_path / name)
    (tmp_path / "in" / "notes.txt").write_text("no audio")
    (tmp_path / "in" / "._b.wav").write_text("a trace of another system")
    events: list[Event] = []

    items = prepare.prepare([tmp_path / "in"], tmp_path / "out", CONTRACT, emit=events.append)

    assert ["b_22.05k.wav", "a_22.05k.wav"] == [item.target.name for item in items]
    assert [event.message for event in events if isinstance(event, Warned)] == [
        f"{tmp_path / 'in'}: 1 files that are no audio were left out"
    ]


def _bad_sources(folder: Path) -> dict[str, list[Path]]:
    good = _tone(folder / "good.wav")
    (folder / "empty.wav").touch()
    (folder / "text.ogg").write_text("no audio at all")
    (folder / "cut.wav").write_bytes(good.read_bytes()[:1000])
    (folder / "cut_exact.wav").write_bytes(CLIP.read_bytes()[:1000])
    (folder / "bare").mkdir()
    return {
        "no such file": [good, folder / "none.wav"],
        "file is empty": [good, folder / "empty.wav"],
        "no audio that can be read": [good, folder / "text.ogg"],
        "truncated": [good, folder / "cut.wav"],
        "states 220500": [good, folder / "cut_exact.wav"],
        "no audio in this folder": [good, folder / "bare"],
        "would both become": [good, _tone(folder / "x" / "good.flac")],
    }


@pytest.mark.parametrize(
    "words",
    [
        "no such file",
        "file is empty",
        "no audio that can be read",
        "truncated",
        "states 220500",
        "no audio in this folder",
        "would both become",
    ],
)
def test_a_bad_source_stops_all_before_anything_is_written(tmp_path: Path, words: str) -> None:
    """One clear error, and no output folder: a batch is prepared whole or not at all."""
    sources = _bad_sources(tmp_path / "in")[words]

    with pytest.raises(InputError, match=words):
        prepare.prepare(sources, tmp_path / "out", CONTRACT, emit=ignore)

    assert not (tmp_path / "out").exists()


def test_a_source_is_never_overwritten(tmp_path: Path) -> None:
    """A stereo file that already bears a prepared name, prepared into its own folder, is refused."""
    source = _tone(tmp_path / "a_22.05k.wav", rate=22050, channels=2)
    before = hashlib.sha256(source.read_bytes()).hexdigest()

    with pytest.raises(InputError, match="overwrite the source"):
        prepare.prepare([source], tmp_path, CONTRACT, emit=ignore)

    assert before == hashlib.sha256(source.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("5-1234-A-32_22.05k.wav", 32),
        ("1-137-A-32.ogg", 32),
        ("clips/5-203128-B-0_22.05k.wav", 0),
        ("5-1234-A-50.wav", None),
        ("5-1234-A-132.wav", None),
        ("speech.wav", None),
        ("5-1234-A-32-copy.wav", None),
    ],
)
def test_the_class_is_read_from_names_of_esc50_alone(name: str, target: int | None) -> None:
    """`FOLD-CLIP-TAKE-TARGET` tells the class; any other name tells none."""
    assert target == prepare.target_of(name)
