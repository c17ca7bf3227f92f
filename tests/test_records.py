"""Run records: what is saved is what is read, and what is summarised."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from board_runner.errors import UsageError
from deployer import records
from deployer.records import BoardInfo, Failure, RunRecord, Sample
from deployer.reporting import data, markdown
from deployer.reporting.page import page
from deployer.statistics import summarise


@pytest.fixture
def record() -> RunRecord:
    """Two clips of two runs each; one clip always right, one that wavers."""
    samples = tuple(
        Sample(clip=clip, run=run, invoke_ms=ms, post_process_ms=0.5, class_id=class_id, wall_ms=ms + 100.5)
        for clip, run, ms, class_id in [
            ("1-1-A-0.wav", 1, 10.0, 0),
            ("1-2-A-1.wav", 1, 20.0, 1),
            ("1-1-A-0.wav", 2, 30.0, 0),
            ("1-2-A-1.wav", 2, 40.0, 0),
        ]
    )
    return RunRecord(
        id="20260101-000000-bench-abcd",
        kind="bench",
        created="2026-01-01T00:00:00+00:00",
        model="eat",
        board=BoardInfo(name="desk|1", address="root@10.0.0.1:22", chip="pcupid"),
        labels=("dog", "rooster"),
        targets={"1-1-A-0.wav": 0, "1-2-A-1.wav": 1},
        sha256={"models/eat.img": "ab" * 32},
        settings={"runs": 2},
        samples=samples,
        failures=(Failure(clip="1-2-A-1.wav", run=3, reason="no result"),),
        clip_seconds={"1-1-A-0.wav": 5.0, "1-2-A-1.wav": 5.0},
        tool_version="0",
    )


def _saved(record: RunRecord, folder: Path) -> Path:
    path = folder / f"{record.id}.json"
    path.write_text(json.dumps(dataclasses.asdict(record)), encoding="utf-8")
    return path


def test_a_saved_record_is_read_back_whole(record: RunRecord, tmp_path: Path) -> None:
    """Nothing is lost on the way through JSON."""
    assert record == records.load(_saved(record, tmp_path))


def test_a_record_of_the_first_version_is_read_as_one_of_today(record: RunRecord, tmp_path: Path) -> None:
    """What `deploy` wrote before warm-up and environment were known is whole, with those empty."""
    path = _saved(record, tmp_path)
    fields = json.loads(path.read_text())
    for name in ("command", "environment", "measured"):
        del fields[name]
    known = ("clip", "run", "invoke_ms", "post_process_ms", "class_id", "wall_ms", "start_load_io_ms")
    fields["samples"] = [{name: sample[name] for name in known} for sample in fields["samples"]]
    fields["failures"] = [{name: f[name] for name in ("clip", "run", "reason")} for f in fields["failures"]]
    path.write_text(json.dumps({**fields, "version": 1}))

    assert record == records.load(path)


def test_a_warm_up_is_kept_and_counts_nowhere(record: RunRecord) -> None:
    """The first runs, and those of a second variant, are in the record and in no figure."""
    slow = dataclasses.replace(record.samples[0], run=0, invoke_ms=5000.0, warm_up=True)
    other = dataclasses.replace(record.samples[0], invoke_ms=7000.0, variant="b")

    assert summarise(record) == summarise(dataclasses.replace(record, samples=(slow, *record.samples, other)))


def test_a_record_from_the_future_is_refused(record: RunRecord, tmp_path: Path) -> None:
    """A newer version is not half understood."""
    path = _saved(dataclasses.replace(record, version=records.VERSION + 1), tmp_path)

    with pytest.raises(UsageError, match="reads up to"):
        records.load(path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 1}', "\x00", "[" * 100_000])
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    """Any other file ends in one clear error."""
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(UsageError):
        records.load(path)


def test_the_summary_counts_what_the_samples_say(record: RunRecord) -> None:
    """Median, extremes, rate and accuracy follow from the samples by hand."""
    summary = summarise(record)

    assert summary is not None
    assert (summary.invoke.min_ms, summary.invoke.median_ms, summary.invoke.max_ms) == (10.0, 25.0, 40.0)
    assert (None, None) == (summary.invoke.p90_ms, summary.invoke.p95_ms)  # four runs tell of neither
    assert (summary.correct, summary.judged) == (1, 2)
    assert summary.clips_per_s == pytest.approx(1000 / 25.5)
    assert summary.real_time_factor == pytest.approx(0.0255 / 5)
    assert summary.start_load_io is None
    assert summary.clips[1].class_ids == (0, 1)


def test_the_report_shows_every_clip_with_its_label(record: RunRecord) -> None:
    """The Markdown names clips, labels, failures and hashes, and keeps its tables whole."""
    text = markdown.as_markdown(page([record]))

    assert "| 1-1-A-0.wav | right | 0 dog | 0 dog | 2 | 0 |" in text
    assert "0 dog / 1 rooster" in text
    assert "desk\\|1" in text
    assert "| 1-2-A-1.wav | 3 | no result |" in text
    assert "ab" * 32 in text


def test_a_record_without_samples_still_makes_a_report(record: RunRecord) -> None:
    """A bench in which nothing worked can be shown, too."""
    empty = dataclasses.replace(record, samples=())

    assert summarise(empty) is None
    assert "No run gave a result." in markdown.as_markdown(page([empty]))
    assert json.loads(json.dumps(data.of_record(empty)))["summary"] is None
