"""Outputs on disk: whole or not at all, read one clip at a time, and never mixed up."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from board_runner.contract import Array
from board_runner.errors import UsageError
from deployer.comparison.output_store import CLIPS, Manifest, OutputFolder, input_sha256
from deployer.errors import MissingArtifact

TENSORS: dict[str, Array] = {
    "output": np.arange(4, dtype=np.float32),
    "a/b": np.ones((2, 2)),
    "a%2Fb": np.array(3.0),
    "file": np.zeros(1),
    "allow_pickle": np.full(2, np.nan),
}


def _folder(path: Path, key: str = "k") -> OutputFolder:
    return OutputFolder.create(path, Manifest(stage="float", detail="by hand", key=key))


@pytest.mark.parametrize(
    "clip", ["a.wav", "dog bark/1 %2F.wav", "狗叫.wav", ".hidden.wav", "x" * 300, "é" * 90]
)
def test_a_clip_of_any_name_comes_back(tmp_path: Path, clip: str) -> None:
    """Slashes, percent signs, other scripts, leading dots, and names longer than a file name may be."""
    folder = _folder(tmp_path)
    folder.write(clip, TENSORS, input_sha256="1" * 64)
    again = OutputFolder.open(tmp_path)

    assert [clip] == list(again) and clip in again
    assert set(TENSORS) == set(again[clip])
    assert all(np.array_equal(TENSORS[name], value, equal_nan=True) for name, value in again[clip].items())
    assert again.holds(clip, "1" * 64) and not again.holds(clip, "2" * 64)
    assert again.class_ids is None


def test_decisions_alone_are_kept_as_such(tmp_path: Path) -> None:
    """A stage without tensors."""
    folder = _folder(tmp_path)
    folder.write("a", {}, input_sha256="", class_id=3)

    assert {"a": 3} == OutputFolder.open(tmp_path).class_ids


def test_another_key_wipes_what_was_there_and_the_same_does_not(tmp_path: Path) -> None:
    """Outputs of another model never stand beside those of this one."""
    _folder(tmp_path).write("a", TENSORS, input_sha256="1")
    assert "a" in _folder(tmp_path)
    assert "a" not in _folder(tmp_path, key="other")


def test_what_was_kept_on_purpose_is_not_wiped_unasked(tmp_path: Path) -> None:
    """Another model's outputs in a folder of the user's: refused, and replaced when that is asked for."""
    _folder(tmp_path).write("a", TENSORS, input_sha256="1")
    other = Manifest(stage="float", detail="another model", key="other")

    with pytest.raises(UsageError, match="outputs of another model or tool: by hand"):
        OutputFolder.create(tmp_path, other, replace=False)
    assert "a" in OutputFolder.open(tmp_path)
    assert "a" not in OutputFolder.create(tmp_path, other, fresh=True, replace=False)


def test_what_a_killed_run_left_half_written_goes_and_what_is_being_written_stays(tmp_path: Path) -> None:
    """Two runs may write into one folder at a time; parts of long ago have no writer."""
    _folder(tmp_path)
    old, new = tmp_path / CLIPS / ".a.npz.1", tmp_path / CLIPS / ".b.npz.2"
    for part in (old, new):
        part.write_bytes(b"PK")
    os.utime(old, (0, 0))

    assert [] == list(_folder(tmp_path))
    assert (False, True) == (old.exists(), new.exists())


def test_the_manifest_says_what_computed_the_outputs(tmp_path: Path) -> None:
    """It comes back as it was written, shapes included."""
    wanted = Manifest(
        stage="fixed",
        detail="d",
        key="k",
        model_sha256="ab",
        tools="t",
        chip="pcupid",
        outputs={"o": (1, 50)},
    )
    OutputFolder.create(tmp_path, wanted)

    assert wanted == OutputFolder.open(tmp_path).manifest


@pytest.mark.parametrize("left", [0, 1, 100, -1])
def test_a_torn_file_is_not_held_and_is_named_when_read(tmp_path: Path, left: int) -> None:
    """A power cut in the middle of another program's copy."""
    folder = _folder(tmp_path)
    folder.write("a", TENSORS, input_sha256="1")
    (file,) = (tmp_path / CLIPS).iterdir()
    file.write_bytes(file.read_bytes()[:left])

    assert not folder.holds("a", "1")
    with pytest.raises(MissingArtifact, match=r"a\.npz: cannot be read"):
        _ = folder["a"]


def test_a_folder_of_something_else_is_not_touched(tmp_path: Path) -> None:
    """Neither read nor written."""
    (tmp_path / "thesis.tex").write_text("x")

    with pytest.raises(UsageError, match="something else"):
        _folder(tmp_path)
    with pytest.raises(MissingArtifact, match="no outputs of a stage"):
        OutputFolder.open(tmp_path)
    (tmp_path / "outputs.json").write_text('{"stage": 1}')
    with pytest.raises(MissingArtifact, match="not a manifest"):
        OutputFolder.open(tmp_path)


def test_the_hash_of_an_input_knows_shape_and_type() -> None:
    """The same bytes in another shape are another input."""
    x = np.zeros(4, np.float32)

    assert input_sha256(x) == input_sha256(x.copy())
    assert len({input_sha256(x), input_sha256(x.reshape(2, 2)), input_sha256(x.view(np.int32))}) == 3
