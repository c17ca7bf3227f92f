"""What is wrong with a data set is told with its cure: two labels, a table of another kind, a damaged manifest."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from board_runner import audio
from board_runner.contract import InputContract
from board_runner.errors import InputError
from board_runner.models import kws
from deployer.datasets import classes
from deployer.evaluation import dataset
from deployer.evaluation.listing import Listing
from deployer.events import ignore

SMALL: InputContract = kws.contract()


def _listed(path: Path) -> int:
    with Listing(dataset.find(path), check=lambda _: None, emit=ignore) as listing:
        return listing.clips


def _table(folder: Path, text: str, *, encoding: str = "utf-8") -> Path:
    for name in ("x.wav", "y.wav"):
        (folder / name).write_bytes(name.encode())
    path = folder / "a.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_clip_with_two_labels_is_refused(tmp_path: Path) -> None:
    """Both lines are named, also where the path is written otherwise; the same label twice is no contradiction."""
    with pytest.raises(InputError, match=r"'yes' and 'no' in lines 2 and 4 of the data set") as told:
        _listed(_table(tmp_path, "path,class\nx.wav,yes\ny.wav,no\n./x.wav,no\n"))

    assert "take the wrong one out" in told.value.hint
    assert 3 == _listed(_table(tmp_path, "path,class\nx.wav,yes\ny.wav,no\nx.wav,yes\n"))


@pytest.mark.parametrize(
    ("text", "encoding", "complaint", "cure"),
    [
        ("path;class\nx.wav;yes\n", "utf-8", "no column path", "divided by semicolons; a .csv wants commas"),
        ("path\tclass\nx.wav\tyes\n", "utf-8", "no column path", "divided by tabs; a .csv wants commas"),
        ("path,class\nx.wav,é\n", "latin1", r"not UTF-8 \(byte 17\)", "iconv -f latin1 -t utf-8 a.csv"),
        ("path,class\ngone.wav,yes\n", "utf-8", "which line 2 of the table names", "correct it"),
        ("path,class\nx.wav,\n", "utf-8", "line 2: no class", "complete the line"),
    ],
)
def test_a_table_is_mended_by_its_hint(
    tmp_path: Path, text: str, encoding: str, complaint: str, cure: str
) -> None:
    """Another divider, another encoding, a clip that is not there, half a line."""
    with pytest.raises(InputError, match=complaint) as told:
        _listed(_table(tmp_path, text, encoding=encoding))

    assert cure in told.value.hint


def _without_classes(manifest: dict[str, Any]) -> None:
    del manifest["classes"]


def _of_no_class(manifest: dict[str, Any]) -> None:
    manifest["clips"][0]["class_id"] = 99


def _without_rate(manifest: dict[str, Any]) -> None:
    del manifest["sample_rate_hz"]


@pytest.mark.parametrize("damage", [_without_classes, _of_no_class, _without_rate])
def test_a_damaged_manifest_of_classes_is_made_anew_as_one(
    spoken: Path, tmp_path: Path, damage: Callable[[dict[str, Any]], None]
) -> None:
    """Whatever it lacks, the hint names what makes manifests of classes, and not that of speakers."""
    classes.make(spoken, tmp_path / "made", SMALL)
    file = tmp_path / "made/manifest.json"
    manifest = json.loads(file.read_bytes())
    damage(manifest)
    file.write_text(json.dumps(manifest))

    with pytest.raises(InputError, match="damaged manifest") as told:
        _listed(tmp_path / "made")
    assert "classes" in told.value.hint and "voxceleb1" not in told.value.hint


@pytest.mark.parametrize("text", ["{}", "[]", '{"clips": [3]}', "["])
def test_what_is_no_manifest_at_all_is_told_with_both_makers(tmp_path: Path, text: str) -> None:
    """Nothing tells of which kind it was meant to be."""
    (tmp_path / "manifest.json").write_text(text)

    with pytest.raises(InputError) as told:
        _listed(tmp_path)
    assert "esc50" in told.value.hint and "voxceleb1" in told.value.hint


def test_a_wav_of_a_header_alone_has_a_cure(tmp_path: Path) -> None:
    """As every wav that cannot be read."""
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36, b"WAVE", b"fmt ", 16, 1, 1, 16000, 32000, 2, 16, b"data", 0
    )
    (tmp_path / "x.wav").write_bytes(header)
    (tmp_path / "y.wav").touch()

    for name in ("x.wav", "y.wav"):
        with pytest.raises(InputError) as told:
            audio.read_wav(tmp_path / name)
        assert "leave it out" in told.value.hint
