"""What a report says: verdicts, confusions, environment; counted by hand."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import pytest

from board_runner.errors import UsageError
from deployer.layers import files
from deployer.layers.report import LayerReport
from deployer.records import RunRecord, Sample
from deployer.reporting import environment, html, markdown, repeat, stages
from deployer.reporting.clips import clip_rows, worst
from deployer.reporting.confusion import confusion, from_counts
from deployer.reporting.legible import legible
from deployer.reporting.page import RunView, page
from deployer.statistics import summarise
from tests.reporting import made


def test_each_clip_has_the_verdict_of_its_answers(record: RunRecord) -> None:
    """Right, wrong and mixed by the target; failed where no run answered; unjudged without a target."""
    untold = dataclasses.replace(record, targets={made.WRONG: 1, made.MIXED: 2, made.FAILED: 3})

    rows = {row.clip: row for row in clip_rows(record, summarise(record))}

    assert {made.RIGHT: "right", made.WRONG: "wrong", made.MIXED: "mixed", made.FAILED: "failed"} == {
        clip: row.verdict for clip, row in rows.items()
    }
    assert (3, 3, None) == (rows[made.FAILED].runs, rows[made.FAILED].failed, rows[made.FAILED].invoke)
    assert "unjudged" == clip_rows(untold, summarise(untold))[0].verdict


def test_the_worst_clips_are_those_that_went_wrong(record: RunRecord) -> None:
    """Wrong before mixed before failed; a right clip is never among them."""
    rows = clip_rows(record, summarise(record))

    assert [made.WRONG, made.MIXED, made.FAILED] == [row.clip for row in worst(rows, 5)]
    assert [made.WRONG] == [row.clip for row in worst(rows, 1)]


def test_a_confusion_counts_each_clip_once(record: RunRecord) -> None:
    """By its most frequent answer; precision, recall and F1 follow by hand."""
    found = confusion(clip_rows(record, summarise(record)), record.labels)

    assert found is not None
    assert {(0, 0): 1, (1, 2): 1, (2, 2): 1} == found.counts
    rain = found.classes[2]
    assert (1, 2, 1) == (rain.support, rain.answers, rain.hits)
    assert (1.0, 0.5) == (rain.recall, rain.precision)
    assert rain.f1 == pytest.approx(2 / 3)
    assert [("1 <b>cat</b>", "2 rain|wind", 1)] == found.mistakes()


def test_a_class_that_was_never_answered_has_no_precision() -> None:
    """Nothing is divided by zero, and nothing is made up for it."""
    found = from_counts({(0, 1): 2}, ("a", "b"))

    assert (None, 0.0) == (found.classes[0].precision, found.classes[0].recall)
    assert (0.0, None) == (found.classes[1].precision, found.classes[1].recall)


def test_the_clips_hash_is_that_of_sha256sum(record: RunRecord) -> None:
    """One line for all clips, which `sha256sum * | sha256sum` can check."""
    lines = f"{'ef' * 32}  {made.MIXED}\n{'cd' * 32}  {made.RIGHT}\n"

    assert {"models/eat.img": "ab" * 32, "2 clips": hashlib.sha256(lines.encode()).hexdigest()} == {
        fact.name: fact.value for fact in environment.hashes(record)
    }


def test_the_command_is_the_records_own_or_inferred(record: RunRecord) -> None:
    """A record of an earlier version does not hold its command; names are quoted for a shell."""
    older = dataclasses.replace(record, command=(), board=dataclasses.replace(record.board, name="my desk"))

    assert "deploy bench --board desk --runs 3" == repeat.command(record)
    assert "deploy bench --board 'my desk' --runs 3" == repeat.command(older)
    assert "deploy parse a.log --save" == repeat.command(
        dataclasses.replace(older, kind="parse", settings={"log": "a.log"})
    )


def test_warm_up_is_told_and_in_no_figure(record: RunRecord) -> None:
    """A slow first run changes the number of runs and nothing else."""
    slow = Sample(clip=made.RIGHT, run=0, invoke_ms=9999.0, post_process_ms=1.0, class_id=3, warm_up=True)
    view = RunView.of(dataclasses.replace(record, samples=(slow, *record.samples)))
    before = RunView.of(record)

    assert view.tiles[:-1] == before.tiles[:-1]
    assert view.rows == before.rows
    assert ("13", "3 failed; 1 of them warm-up") == (view.tiles[-1].value, view.tiles[-1].note)


def test_a_bench_that_is_not_steady_says_so() -> None:
    """In every form that people read: the last third of the runs takes half as long again."""
    many = made.long(clips=4, runs=30)
    slow = [dataclasses.replace(s, invoke_ms=1.5 * s.invoke_ms) if s.run > 20 else s for s in many.samples]
    drifting = page([dataclasses.replace(many, samples=tuple(slow))])

    for shown in (html.as_html(drifting), markdown.as_markdown(drifting), markdown.as_github(drifting)):
        assert "not steady" in shown.lower()
    assert "not steady" not in html.as_html(page([many])).lower()


def test_what_a_bench_found_is_shown_as_it_was_kept(record: RunRecord) -> None:
    """The interval of the median, the noise floor, a comparison in turns; nothing is judged anew."""
    against = {
        "baseline": "old",
        "verdict": "slower",
        "effect": 0.061,
        "low": 0.04,
        "high": 0.08,
        "limit": 0.05,
        "runs": 9,
    }
    measured = {
        "steady": False,
        "not_steady": ["<b>drift</b>"],
        "invoke_interval_ms": [19.0, 21.0],
        "noise_floor": 0.012,
        "against": against,
    }
    text = html.as_html(page([dataclasses.replace(record, measured=measured)]))

    for words in (
        "95 % interval 19.000 to 21.000 ms; all 10.000 to 30.000 ms",
        "&lt;b&gt;drift&lt;/b&gt;",
        "Noise floor 1.20 %",
        "slower: 6.1 % slower than old (95 % interval +4.0 to +8.0 %; limit 5.0 %)",
    ):
        assert words in text
    with pytest.raises(UsageError, match=r"damaged run record: measured\.invoke_interval_ms"):
        page([dataclasses.replace(record, measured={"invoke_interval_ms": 3})])


def test_a_percentile_that_so_few_runs_cannot_tell_is_left_out(record: RunRecord) -> None:
    """Nine runs have no p95; the tile says so and the table has a dash."""
    text = markdown.as_markdown(page([record]))

    assert "| invoke time, p95 | too few runs |" in text
    assert "| 10.000 | 20.000 | – | – | 30.000 |" in text


def test_stages_are_read_back_from_compare_sims_json(stages_json: dict[str, Any]) -> None:
    """The figures that are shown survive; what is no comparison is refused with place and field."""
    read = stages.parse(json.loads(json.dumps(stages_json)), "x.json")

    assert (0.98765, False) == (read.comparisons[0].cosine_min, read.passed)
    assert "1 <b>cat</b>" == read.comparisons[0].flips[0].reference.text
    with pytest.raises(UsageError, match=r"x\.json: no comparison of stages: comparisons\.0\.passed"):
        stages.parse(
            {**stages_json, "comparisons": [{**stages_json["comparisons"][0], "passed": []}]}, "x.json"
        )


def test_layers_are_read_back_whole(layers: LayerReport) -> None:
    """`layers.json` holds everything, infinite SQNR and the jump among it."""
    fields = json.loads(json.dumps(files.as_data(layers)))

    assert layers == files.parse(fields, "layers.json")
    with pytest.raises(UsageError, match=r"layers\.json: no report on layers"):
        files.parse({"rows": [{}]}, "layers.json")
    with pytest.raises(UsageError, match=r"layers\.json: no report on layers: candidate"):
        files.parse({**fields, "candidate": 3}, "layers.json")


def test_a_page_is_named_after_what_is_in_it(record: RunRecord, stages_json: dict[str, Any]) -> None:
    """One board's runs share their name; several boards are counted."""
    other = made.record(id="other", board="rack")

    assert "eat on desk" == page([record, record]).title
    assert "2 runs" == page([record, other]).title
    assert "Comparison of stages" == page(stages=[stages.parse(stages_json, "x")]).title


def test_any_character_becomes_one_that_files_may_hold() -> None:
    """Control characters and lone surrogates are replaced, line ends and all the rest of Unicode stay."""
    assert "a\ufffd[2J\n\tö\U0001f600\ufffd" == legible("a\x1b[2J\n\tö\U0001f600\udc80")
