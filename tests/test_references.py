"""A user's own reference tensors, as files of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board_runner.contract import Array, TensorSpec
from board_runner.errors import InputError, UsageError
from deployer.comparison import compare, references
from deployer.comparison.compare import StageOutputs
from deployer.comparison.references import Wanted

CLIPS = ("1-137-A-32.wav", "11-137-A-32.wav", "5-1-B-3.wav")
SCORES = TensorSpec(name="output", dtype="float32", shape=(1, 6))
VALUES = np.array([[1.3278, -0.4499, -0.2840, 0.1363, 0.7910, 0.6003]], np.float32)
PRINT = (Path(__file__).parent / "references" / "cuda.txt").read_text(encoding="utf-8")
DUMP = "output Tensor:\n{{\ntensor dim:2,\tOriginal shape:[1 6 ]\ntensor data:\n{}  \n}}\n\n".format(
    "  ".join(f"{value:.6f}" for value in VALUES[0])
)
ALL = Wanted(clips=CLIPS, outputs=(SCORES,))
ONE = Wanted(clips=CLIPS[:1], outputs=(SCORES,))
PICTURE = TensorSpec(name="boxes", dtype="float32", shape=(1, 2, 3, 4))


def _savez(path: Path, tensors: dict[str, Array]) -> None:
    save: Any = np.savez
    save(path, **tensors)


@pytest.mark.parametrize("name", ["1-137-A-32.npy", "1-137-A-32.wav.npy", "logits.npy"])
def test_an_npy_is_the_one_output_of_the_one_clip(name: str, tmp_path: Path) -> None:
    """By its name, or because there is one clip only; nothing done, nothing said."""
    np.save(tmp_path / name, VALUES)

    found = references.load(tmp_path / name, ONE)

    assert np.array_equal(VALUES, found.outputs[CLIPS[0]]["output"])
    assert ((), 0.0) == (found.notes, found.rounding)


def test_a_file_that_names_no_clip_of_several_is_refused(tmp_path: Path) -> None:
    """Which clip it is of is never guessed."""
    np.save(tmp_path / "logits.npy", VALUES)

    with pytest.raises(InputError, match=r"which of the 3 clips"):
        references.load(tmp_path / "logits.npy", ALL)


def test_an_npz_is_divided_by_clip_names(tmp_path: Path) -> None:
    """Keys with and without the suffix, for some of the clips."""
    _savez(tmp_path / "r.npz", {"11-137-A-32.wav": VALUES, "5-1-B-3": VALUES[0] * 2})

    found = references.load(tmp_path / "r.npz", ALL)

    assert list(CLIPS[1:]) == list(found.outputs)
    assert np.array_equal(VALUES * 2, found.outputs[CLIPS[2]]["output"])
    assert ("output: leading axes of 1 added",) == found.notes


def test_an_npz_holds_the_outputs_of_one_clip_or_of_several(tmp_path: Path) -> None:
    """Keys are output names, or `CLIP/OUTPUT`; NHWC is brought into the model's NCHW."""
    nhwc = np.arange(24, dtype=np.float32).reshape(1, 3, 4, 2)
    wanted = Wanted(clips=CLIPS, outputs=(SCORES, PICTURE))
    np.savez(tmp_path / "1-137-A-32.npz", boxes=nhwc, output=VALUES)
    _savez(tmp_path / "all.npz", {"1-137-A-32/output": VALUES, "1-137-A-32/boxes": nhwc})

    for name in ("1-137-A-32.npz", "all.npz"):
        found = references.load(tmp_path / name, wanted)
        assert np.array_equal(nhwc.transpose(0, 3, 1, 2), found.outputs[CLIPS[0]]["boxes"])
        assert np.array_equal(VALUES, found.outputs[CLIPS[0]]["output"])
        assert ("boxes: NHWC turned into NCHW",) == found.notes


def test_a_stated_layout_is_of_the_pictures_alone(tmp_path: Path) -> None:
    """Scores beside a picture are taken as they are."""
    cube = TensorSpec(name="cube", dtype="float32", shape=(1, 4, 4, 4))
    nhwc = np.arange(64, dtype=np.float32).reshape(cube.shape)
    np.savez(tmp_path / "r.npz", cube=nhwc, output=VALUES)

    found = references.load(
        tmp_path / "r.npz", Wanted(clips=CLIPS[:1], outputs=(SCORES, cube), layout="nhwc->nchw")
    )

    assert np.array_equal(nhwc.transpose(0, 3, 1, 2), found.outputs[CLIPS[0]]["cube"])
    assert np.array_equal(VALUES, found.outputs[CLIPS[0]]["output"])


def test_clip_keys_and_others_are_not_mixed(tmp_path: Path) -> None:
    """A misspelt clip does not vanish."""
    _savez(tmp_path / "r.npz", {CLIPS[0]: VALUES, "5-1-X-3": VALUES})

    with pytest.raises(InputError, match="some of its tensors are named after clips"):
        references.load(tmp_path / "r.npz", ALL)


@pytest.mark.parametrize(
    ("text", "rounding"),
    [(PRINT, 5e-5), (DUMP, 5e-7), (" ".join(f"{v:.6f}" for v in VALUES[0]), 5e-7), ("1 2 3 4 5 6", 0.0)],
)
def test_texts_of_every_kind_give_the_tensor_and_its_precision(
    text: str, rounding: float, tmp_path: Path
) -> None:
    """A print, a dump, columns: the values, and in words how far they can be trusted."""
    (tmp_path / "r.txt").write_text(text, encoding="utf-8")

    found = references.load(tmp_path / "r.txt", ONE)

    given = found.outputs[CLIPS[0]]["output"]
    assert (1, 6) == given.shape
    if rounding:
        np.testing.assert_allclose(given, VALUES, atol=rounding)
        assert f"known to within {rounding:.2g} only, which alone can make an RMSE of" in found.notes[-1]
    assert pytest.approx(rounding) == found.rounding


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_texts_of_windows_are_read(encoding: str, tmp_path: Path) -> None:
    """A byte order mark, UTF-16 as PowerShell's `>` writes it, CRLF."""
    (tmp_path / "r.txt").write_bytes(PRINT.replace("\n", "\r\n").encode(encoding))

    assert np.allclose(VALUES, references.load(tmp_path / "r.txt", ONE).outputs[CLIPS[0]]["output"])


def test_a_folder_of_files_named_after_clips(tmp_path: Path) -> None:
    """Own files and a simulator's log/output side by side; others are counted, and no clip takes another's."""
    (tmp_path / "unknown_eat_float.sim_11-137-A-32.wav.npy.txt").write_text(DUMP, encoding="utf-8")
    (tmp_path / "1-137-A-32.txt").write_text(PRINT, encoding="utf-8")
    np.save(tmp_path / "7-7-C-7.npy", VALUES)
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")

    found = references.load(tmp_path, ALL)

    assert list(CLIPS[:2]) == list(found.outputs)
    assert "1 files belong to no clip and were left out" in found.notes


def test_a_folder_with_two_files_of_a_clip_or_none_is_refused(tmp_path: Path) -> None:
    """Neither is chosen silently."""
    with pytest.raises(InputError, match="none of its 0 files"):
        references.load(tmp_path, ALL)
    np.save(tmp_path / "5-1-B-3.npy", VALUES)
    (tmp_path / "5-1-B-3.txt").write_text(DUMP, encoding="utf-8")
    with pytest.raises(InputError, match=r"5-1-B-3\.npy and 5-1-B-3\.txt"):
        references.load(tmp_path, ALL)


def test_another_shape_is_refused_with_both(tmp_path: Path) -> None:
    """And with the file, the output and the cure."""
    np.save(tmp_path / "r.npy", np.zeros((1, 5), np.float32))

    with pytest.raises(
        UsageError, match=r"r\.npy, output 'output': shapes differ: \[1, 5\] against \[1, 6\]"
    ):
        references.load(tmp_path / "r.npy", ONE)


def test_levels_need_the_scale_of_the_output(tmp_path: Path) -> None:
    """int16 from a chip's buffer: multiplied by the scale where it is known."""
    levels = np.array([[1, -2, 3, 4, 5, 6]], np.int16)
    np.save(tmp_path / "r.npy", levels)

    with pytest.raises(UsageError, match="no scale is known"):
        references.load(tmp_path / "r.npy", ONE)
    found = references.load(
        tmp_path / "r.npy", Wanted(clips=CLIPS[:1], outputs=(SCORES,), scales={"output": 0.5})
    )
    assert np.array_equal(levels * np.float32(0.5), found.outputs[CLIPS[0]]["output"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("r.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'"),
        ("r.npy", b""),
        ("r.npz", b"PK\x03\x04broken"),
        ("r.txt", b"\xff\x00\x81"),
        ("r.txt", b"hello"),
        ("r.txt", b"out Tensor:\n{\ntensor dim:1,"),
        ("r.pt", b"PK"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(name: str, content: bytes, tmp_path: Path) -> None:
    """Damaged, empty, foreign: an error of one kind, with the file."""
    (tmp_path / name).write_bytes(content)

    with pytest.raises(InputError, match=rf"{name[:-3]}\.?"):
        references.load(tmp_path / name, ONE)


def test_no_code_is_run_from_a_file(tmp_path: Path) -> None:
    """An .npy of pickled objects is refused."""
    np.save(tmp_path / "r.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)

    with pytest.raises(InputError, match="cannot be read"):
        references.load(tmp_path / "r.npy", ONE)


def test_several_outputs_are_told_apart_by_name_or_refused(tmp_path: Path) -> None:
    """One unnamed tensor is not given to one of two outputs."""
    np.save(tmp_path / "r.npy", VALUES)

    with pytest.raises(InputError, match="the model's outputs are output, boxes"):
        references.load(tmp_path / "r.npy", Wanted(clips=CLIPS[:1], outputs=(SCORES, PICTURE)))


def test_references_are_a_stage_that_a_comparison_takes(tmp_path: Path) -> None:
    """What differs is measured against the user's values."""
    _savez(tmp_path / "r.npz", {CLIPS[0]: VALUES, CLIPS[2]: VALUES})
    stage = references.load(tmp_path / "r.npz", ALL).as_stage()
    ran = StageOutputs(
        stage="float",
        detail="",
        outputs={clip: {"output": VALUES + np.float32(0.01)} for clip in stage.outputs},
    )

    compared = compare.compare(stage, ran)

    assert {CLIPS[0], CLIPS[2]} == {row.clip for row in compared.clips}
    assert pytest.approx(0.01, rel=1e-3) == compared.max_abs
    assert "r.npz, 2 clips" in stage.detail
