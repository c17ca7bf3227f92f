"""`deploy prepare esc50`: class ids and folds are the table's, whatever the names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from board_runner import audio
from board_runner.errors import InputError
from board_runner.models import eat
from deployer import cli
from deployer.datasets import esc50, labelled

ROWS = (
    ("1-137-A-32.wav", 1, 32, "keyboard_typing"),
    ("1-100032-A-0.wav", 1, 0, "dog"),
    ("5-9032-A-0.wav", 5, 0, "dog"),
    ("2-1-B-49.wav", 2, 49, "hand_saw"),
)
Row = tuple[str, int, int, str]
CLIP_S = 0.25


@pytest.fixture
def data_set(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder laid out as ESC-50 is, of tones at 44.1 kHz, whose frequency tells the row."""

    def write(rows: tuple[Row, ...] = ROWS, header: str = "filename,fold,target,category,esc10") -> Path:
        folder = tmp_path / "ESC-50"
        (folder / "meta").mkdir(parents=True, exist_ok=True)
        (folder / "audio").mkdir(exist_ok=True)
        lines = [header, *(",".join(map(str, (*row, "False"))) for row in rows)]
        (folder / "meta" / "esc50.csv").write_text("\n".join(lines) + "\n")
        for number, row in enumerate(rows, 1):
            time_s = np.arange(round(44100 * CLIP_S)) / 44100
            soundfile.write(folder / "audio" / row[0], 0.5 * np.sin(2e3 * np.pi * number * time_s), 44100)
        return folder

    return write


def test_the_table_decides_class_and_fold(
    data_set: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every clip has its row's target and fold, is at 22.05 kHz, and its sound is the one the row names."""
    folder, out = data_set(), tmp_path / "out"
    assert cli.execute(["prepare", "esc50", str(folder), "--out", str(out), "--json", "-q"]) == 0
    made = labelled.load(out)
    assert json.loads(capsys.readouterr().out)["classes"] == list(made.classes)
    assert {clip.source: (clip.class_id, clip.fold, clip.split) for clip in made.clips} == {
        f"audio/{name}": (target, fold, None) for name, fold, target, _ in ROWS
    }
    assert (len(made.classes), made.classes[0], made.classes[32]) == (50, "dog", "keyboard_typing")
    assert made.classes[49] == "hand_saw"
    for clip in made.clips:
        samples = audio.require(audio.read_wav(out / clip.file), 22050)
        peak_hz = np.argmax(np.abs(np.fft.rfft(samples))) / CLIP_S
        number = 1 + [f"audio/{row[0]}" for row in ROWS].index(clip.source)
        assert abs(peak_hz - 1000 * number) < 10
        assert abs(clip.seconds - CLIP_S) < 1e-3


def test_another_model_gets_its_own_rate(data_set: Callable[..., Path], tmp_path: Path) -> None:
    """`--model` says at which rate the wavs are."""
    words = [
        "prepare",
        "esc50",
        str(data_set()),
        "--out",
        str(tmp_path / "out"),
        "--model",
        "efficientat",
        "-q",
    ]
    assert cli.execute(words) == 0
    made = labelled.load(tmp_path / "out")
    assert made.sample_rate_hz == 32000
    assert audio.read_wav(tmp_path / "out" / made.clips[0].file).sample_rate_hz == 32000


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("1-137-A-32.wav", 1, 50, "fifty-first"), "esc50.csv:2: target 50"),
        (("1-137-A-32.wav", 0, 32, "keyboard_typing"), "of fold 0"),
        (("1-137-A-32.wav", 1, "x", "keyboard_typing"), "must be whole numbers"),
        (("../x.wav", 1, 32, "keyboard_typing"), "no plain file name"),
        (("1-137-A-32.wav", 1, 0, "keyboard_typing"), "target 0 is dog and keyboard_typing"),
        (("5-9032-A-0.wav", 1, 0, "dog"), "5-9032-A-0.wav is listed twice"),
    ],
)
def test_a_damaged_table_is_refused(
    row: Row, said: str, data_set: Callable[..., Path], tmp_path: Path
) -> None:
    """Each fault by its place, and no manifest is left."""
    folder = data_set((row, *ROWS[1:]))
    with pytest.raises(InputError) as caught:
        esc50.make(folder, tmp_path / "out", eat.contract())
    assert said in str(caught.value)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_what_is_missing_is_named(data_set: Callable[..., Path], tmp_path: Path) -> None:
    """A clip of the table, a column, or the table itself."""
    folder = data_set()
    (folder / "audio" / "5-9032-A-0.wav").unlink()
    with pytest.raises(InputError, match=r"lacks 1 of the 4 clips of the table, 5-9032-A-0\.wav"):
        esc50.make(folder, tmp_path / "out", eat.contract())
    with pytest.raises(InputError, match="no column fold"):
        esc50.make(data_set(header="filename,part,target,category,esc10"), tmp_path / "out", eat.contract())
    with pytest.raises(InputError, match="cannot read"):
        esc50.make(tmp_path / "nothing", tmp_path / "out", eat.contract())
