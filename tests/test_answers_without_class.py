"""Embeddings and transcripts from a log to a record, its tables and its comparisons; and what spoils a run."""

from __future__ import annotations

import dataclasses
import json
import math
import struct
from pathlib import Path, PurePosixPath

import pytest

from deployer import records
from deployer.board.base import Completed
from deployer.errors import ProgramFailed
from deployer.history.diff import diff
from deployer.logs import paste
from deployer.records import RunRecord
from deployer.reporting import junit, markdown, sheet
from deployer.reporting.clips import clip_rows
from deployer.reporting.page import page
from deployer.run import Program, judge
from deployer.statistics import summarise

CASES = Path(__file__).parent / "transcripts" / "cases"
PROGRAM = Program(directory=PurePosixPath("/x/current"), name="prog_sid_ecapa", model="models/ecapa.img")


def _record(*names: str) -> RunRecord:
    log = b"".join((CASES / f"{name}.log").read_bytes() for name in names)
    return paste.parse_log(log, source="serial.log", model="ecapa", labels=[])


def test_a_record_holds_each_answer_once_and_is_read_back_whole() -> None:
    """Two clips' embeddings and a transcript: what is written as JSON is what is read, of the kind that it was."""
    record = _record("two_embeddings", "embedding", "transcript")

    again = records.of_fields(json.loads(json.dumps(dataclasses.asdict(record))), place="x")

    assert record == again
    assert ["a.wav", "b.wav", "a.wav", "a.wav"] == [sample.clip for sample in record.samples]
    assert {None} == {sample.class_id for sample in record.samples}
    assert [a.clip for a in record.answers] == ["a.wav", "b.wav", "a.wav"]
    assert record.samples[0].answer == record.samples[2].answer != record.samples[3].answer


def test_a_record_of_the_second_version_has_no_answers() -> None:
    """What was written before is read as before: classes, and nothing beside them."""
    fields = dataclasses.asdict(_record("two_images"))
    del fields["answers"]
    for sample in fields["samples"]:
        del sample["answer"], sample["first_chunk_ms"]

    record = records.of_fields({**fields, "version": 2}, place="x")

    assert ([32, 7], ()) == ([sample.class_id for sample in record.samples], record.answers)


def test_every_form_of_a_report_shows_norms_and_tokens() -> None:
    """The norm is that of the values the log was made of; tokens stand as numbers where no names are known."""
    record = _record("two_embeddings", "transcript")
    norm = math.hypot(
        *struct.unpack("<40f", b"".join(struct.pack("<f", (-1) ** i * i / 8) for i in range(40)))
    )

    for text in (markdown.as_markdown(page([record])), markdown.as_github(page([record]))):
        assert f"norm {norm:.6g}" in text and "4231 12 12 100" in text
    assert f"norm {math.hypot(1, 2):.6g}" in markdown.as_markdown(page([record]))
    assert junit.as_junit(page([record])) and sheet.as_csv(page([record]))


def test_a_clip_with_two_answers_is_mixed_and_flips_between_runs() -> None:
    """A model of integers says the same each time: another answer is told, in a report and between two runs."""
    steady, other = _record("embedding", "embedding"), _record("embedding", "transcript")

    assert ["unjudged"] == [row.verdict for row in clip_rows(steady, summarise(steady))]
    assert ["mixed"] == [row.verdict for row in clip_rows(other, summarise(other))]
    assert [] == list(diff(steady, _record("embedding")).flips)
    assert ["a.wav"] == [clip.clip for clip in diff(steady, _record("transcript")).flips]


def _judged(log: str, status: int) -> object:
    done = Completed(exit_status=status, stdout=log.encode(), stderr=b"", elapsed_ms=90.0, timed_out=False)
    return judge(done, PROGRAM, "a.wav").said


def test_the_result_line_decides_and_not_the_exit_status() -> None:
    """A whole embedding is a result with any status; a damaged one is none with 0, and its reason is told."""
    whole, lost = ((CASES / f"{name}.log").read_text() for name in ("embedding", "embedding_lost_line"))

    assert _judged(whole, 0) is not None
    assert _judged(whole, 17) == _judged(whole, 0)
    with pytest.raises(ProgramFailed, match="24 of 40 values are in the log"):
        _judged(lost, 0)
    with pytest.raises(ProgramFailed, match="gave no result"):
        _judged((CASES / "embedding_without_end.log").read_text(), 0)
