"""Answers on disk: exact, whole or not there, and one writer at a time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from board_runner.errors import UsageError
from board_runner.models.base import Embedding, Transcript
from deployer.errors import MissingArtifact
from deployer.evaluation.answer_file import AnswerFile
from deployer.evaluation.answers import Answer, ClassOnly, Scores, Timed, from_line, to_line

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def _key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


@given(st.lists(FLOATS, min_size=2, max_size=60))
def test_scores_come_back_bit_for_bit(values: list[float]) -> None:
    """Every float32 through its shortest digits, -0 and the least numbers too."""
    scores = np.array(values, np.float32)
    again = from_line(to_line(_key(1), "a clip", Scores(values=scores)))

    assert isinstance(again, Scores) and scores.tobytes() == again.values.tobytes()


@pytest.mark.parametrize(
    "answer",
    [
        ClassOnly(class_id=7),
        Embedding(vector=(0.1, -2 / 3, 1e-300)),
        Transcript(tokens=(), score=-1.5),
        Transcript(tokens=(3, 1), score=-0.1),
        Timed(tokens=(3, 1), score=-0.1, busy_ms=12.5, first_chunk_ms=3.25, audio_s=2.0),
    ],
)
def test_every_kind_of_answer_comes_back(tmp_path: Path, answer: Answer) -> None:
    """From the file that was closed and opened again, under the key it was kept by."""
    with AnswerFile(tmp_path / "a.jsonl", {}) as file:
        file.append(_key(1), "nämé\n.wav", answer)
        file.append(_key(2), "b", ClassOnly(class_id=1))
    with AnswerFile(tmp_path / "a.jsonl", {}) as file:
        assert answer == file.read(_key(1))
        with pytest.raises(MissingArtifact, match="no such answer"):
            file.read(_key(3))


def test_a_file_cut_anywhere_keeps_every_whole_line(tmp_path: Path) -> None:
    """A kill at any byte: the answers before it are there, the torn one is wanted again, and a new one fits."""
    path = tmp_path / "whole.jsonl"
    ends = []
    with AnswerFile(path, {"stage": "onnx"}) as file:
        for number in range(3):
            file.append(_key(number), "clip", ClassOnly(class_id=number))
            ends.append(path.stat().st_size)
    data = path.read_bytes()
    near = {
        end + off for end in (0, *ends) for off in (-2, -1, 0, 1, 2, 11, 80) if 0 <= end + off <= len(data)
    }
    for cut in sorted(near | set(range(0, len(data), 29))):
        torn = tmp_path / "torn.jsonl"
        torn.write_bytes(data[:cut])
        whole = [number for number, end in enumerate(ends) if end <= cut]
        with AnswerFile(torn, {"stage": "onnx"}) as file:
            assert [n not in whole for n in range(3)] == [file.want(_key(n)) for n in range(3)]
            file.append(_key(9), "clip", ClassOnly(class_id=9))
        with AnswerFile(torn, {}) as file:
            assert [ClassOnly(class_id=n) for n in (*whole, 9)] == [file.read(_key(n)) for n in (*whole, 9)]


def test_a_line_that_is_no_answer_is_computed_again(tmp_path: Path) -> None:
    """What a disk spoilt in the middle costs that answer alone."""
    path = tmp_path / "a.jsonl"
    with AnswerFile(path, {}) as file:
        for number in range(3):
            file.append(_key(number), "clip", ClassOnly(class_id=number))
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b"\0" * (len(lines[2]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    with AnswerFile(path, {}) as file:
        assert [False, True, False] == [file.want(_key(number)) for number in range(3)]


def test_two_evaluations_do_not_write_at_once(tmp_path: Path) -> None:
    """The second is told; when the first has ended it may."""
    with (
        AnswerFile(tmp_path / "a.jsonl", {}),
        pytest.raises(UsageError, match="another evaluation is at work"),
    ):
        AnswerFile(tmp_path / "a.jsonl", {})
    with AnswerFile(tmp_path / "a.jsonl", {}) as file:
        assert file.want(_key(1))


def test_an_answer_is_begun_once(tmp_path: Path) -> None:
    """Clips of one content are computed once, however often the data set has them; what nobody wants never."""
    with AnswerFile(tmp_path / "a.jsonl", {}) as file:
        assert [True, False] == [file.want(_key(1)) for _ in range(2)]
        assert [True, False, False] == [file.begin(_key(number)) for number in (1, 1, 2)]


def test_fresh_forgets_what_was_there(tmp_path: Path) -> None:
    """All answers, and the file begins anew."""
    path = tmp_path / "a.jsonl"
    with AnswerFile(path, {}) as file:
        file.append(_key(1), "clip", ClassOnly(class_id=1))
    with AnswerFile(path, {}, fresh=True) as file:
        assert file.want(_key(1))
    assert 1 == len(path.read_text().splitlines())
