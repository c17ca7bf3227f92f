"""JUnit, CSV, Markdown and JSON: what other programs read."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from board_runner.errors import UsageError
from deployer.layers import files
from deployer.layers.report import LayerReport
from deployer.records import RunRecord
from deployer.reporting import data, junit, markdown, sheet, stages, terminal
from deployer.reporting.page import page
from tests.reporting import made

SUITE = {"name", "package", "id", "tests", "failures", "errors", "time", "timestamp", "hostname"}
"""Attributes that the JUnit schema of Apache Ant requires of a suite."""


def test_junit_has_the_schemas_form(record: RunRecord) -> None:
    """Elements in the schema's order, its attributes, at most one outcome a case, counts that add up."""
    root = ElementTree.fromstring(junit.as_junit(page([record, made.record(board="rack")])))

    assert "testsuites" == root.tag
    assert ["0", "1"] == [suite.get("id") for suite in root]
    for suite in root:
        tags = [child.tag for child in suite]
        assert ["properties", *["testcase"] * 4, "system-out", "system-err"] == tags
        assert set(suite.attrib) >= SUITE
        assert "2026-01-01T00:00:00" == suite.get("timestamp")
        assert all({"name", "value"} == set(each.attrib) for each in suite.iter("property"))
        cases = suite.findall("testcase")
        assert all({"classname", "name", "time"} == set(case.attrib) and len(case) <= 1 for case in cases)
        assert (4, 2, 1) == tuple(int(suite.attrib[key]) for key in ("tests", "failures", "errors"))


def test_junit_fails_a_wrong_class_and_errs_on_a_failed_run(record: RunRecord) -> None:
    """A clip is a case under its own name, whatever is in it; a right one has no outcome."""
    root = ElementTree.fromstring(junit.as_junit(page([record])))
    found = {case.attrib["name"]: [child.tag for child in case] for case in root.iter("testcase")}

    assert {made.RIGHT: [], made.WRONG: ["failure"], made.MIXED: ["failure"], made.FAILED: ["error"]} == found
    wrong = next(root.iter("failure"))
    assert ("WrongClass", "says 2 rain|wind, should be 1 <b>cat</b>") == (
        wrong.get("type"),
        wrong.get("message"),
    )
    assert "\ufffd[2J <img" in (next(root.iter("error")).text or "")


def test_csv_has_a_row_a_sample_and_a_row_a_failed_run(record: RunRecord) -> None:
    """The csv module reads every value back; failed runs have a reason and no time."""
    rows = list(csv.DictReader(io.StringIO(sheet.as_csv(page([record])))))

    assert len(record.samples) + len(record.failures) == len(rows)
    assert [s.invoke_ms for s in record.samples] == [float(row["invoke_ms"]) for row in rows[:9]]
    assert [s.clip for s in record.samples] == [row["clip"] for row in rows[:9]]
    wrong = next(row for row in rows if row["clip"] == made.EVIL)
    assert ("2", "rain|wind", "1", "<b>cat</b>", "false") == tuple(
        wrong[key] for key in ("class_id", "label", "target", "target_label", "right")
    )
    assert ("", made.FAILED) == (rows[-1]["invoke_ms"], rows[-1]["clip"])
    assert rows[-1]["reason"].startswith("no result")


def test_csv_gives_a_spreadsheet_nothing_to_compute(record: RunRecord) -> None:
    """A board whose name is a formula is text."""
    rows = list(csv.DictReader(io.StringIO(sheet.as_csv(page([made.record(board="=1+1")])))))

    assert {"'=1+1"} == {row["board"] for row in rows}


def test_markdown_keeps_its_tables_whole(record: RunRecord, stages_json: dict[str, Any]) -> None:
    """Every row of a table has as many cells as its head, and no name becomes HTML."""
    shown = page([record], [stages.parse(stages_json, "x")], evaluations=[made.evaluation()])
    for text in (markdown.as_markdown(shown), markdown.as_github(shown)):
        cells = 0
        for line in text.splitlines():
            bars = line.replace("\\|", "").count("|")
            cells = 0 if not line.startswith("|") else cells or bars
            assert bars == cells, line
        assert "<script" not in text
        assert "<img" not in text
        assert "&lt;script&gt;" in text


def test_the_github_summary_says_first_whether_it_is_well(record: RunRecord) -> None:
    """A mark in the heading, what went wrong in a table of its own, the rest folded."""
    text = markdown.as_github(page([record]))
    right = [sample for sample in record.samples if sample.clip == made.RIGHT]
    well = markdown.as_github(page([dataclasses.replace(record, samples=tuple(right), failures=())]))

    assert text.startswith("## ❌ eat on desk\n")
    assert "### What went wrong" in text
    assert text.index("What went wrong") < text.index("<details>")
    assert well.startswith("## ✅ eat on desk\n")
    assert "What went wrong" not in well


def test_the_github_summary_stays_below_githubs_limit() -> None:
    """GitHub drops a summary of more than 1 MiB: of 5000 clips the worst 500 are listed."""
    text = markdown.as_github(page([made.long(clips=5000, runs=1)]))

    assert len(text.encode()) < 2**20
    assert "5000 clips, the first 500" in text


def test_data_of_one_run_is_its_record_and_summary(record: RunRecord, layers_json: dict[str, Any]) -> None:
    """As `deploy bench --json` has it; more than one thing comes as lists. All of it is JSON."""
    one = data.as_data(page([record]))
    more = data.as_data(page([record], layers=[files.parse(layers_json, "x")]))

    assert {"record", "summary"} == set(one)
    assert one == more["runs"][0]
    assert layers_json == more["layers"][0]
    json.loads(json.dumps(more, allow_nan=False))


def test_a_terminal_shows_names_as_they_are(record: RunRecord) -> None:
    """Brackets in a clip's or a board's name are no markup of rich."""
    sample = dataclasses.replace(record.samples[0], clip="[/red] a[b].wav")
    board = dataclasses.replace(record.board, name="[bold]desk")
    out = io.StringIO()
    console = Console(file=out, width=200)
    console.print(terminal.clip_table(dataclasses.replace(record, samples=(sample,), board=board)))

    text = out.getvalue()
    assert "[/red] a[b].wav" in text
    assert "eat on [bold]desk" in text


def test_junit_has_stages_evaluations_and_layers(
    record: RunRecord, stages_json: dict[str, Any], layers: LayerReport
) -> None:
    """A suite each after those of the runs, in the schema's form; a limit that broke and a marked layer fail."""
    shown = page([record], [stages.parse(stages_json, "x")], [layers], [made.evaluation()])
    root = ElementTree.fromstring(junit.as_junit(shown))

    assert ["0", "1", "2", "3"] == [suite.get("id") for suite in root]
    assert all(set(suite.attrib) >= SUITE for suite in root)
    _, evaluated, compared, layered = root
    assert ["onnx", "fixed"] == [case.get("name") for case in evaluated.iter("testcase")]
    assert "fixed: accuracy 0.5000" in (evaluated.findtext("system-out") or "")
    (broken,) = compared.iter("failure")
    assert "cosine 0.98765 below 0.99" == broken.get("message")
    assert ("1", "0", "1") == (compared.get("failures"), evaluated.get("failures"), layered.get("failures"))
    assert "1, first /<second>" == next(layered.iter("failure")).get("message")
    assert str(2 + 1 + 1) == root.get("failures")


def test_csv_of_stages_evaluations_or_layers(
    record: RunRecord, stages_json: dict[str, Any], layers: LayerReport
) -> None:
    """One kind is one table; two kinds are refused, for their columns differ."""
    compared = stages.parse(stages_json, "x")

    def rows(text: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(text)))

    (pair,) = rows(sheet.as_csv(page([], [compared])))
    assert ("fixed", "0.98765", "false", "1") == tuple(
        pair[key] for key in ("candidate", "cosine_min", "passed", "flips")
    )
    evaluated = rows(sheet.as_csv(page(evaluations=[made.evaluation()])))
    assert [("onnx", "1.0", "4"), ("fixed", "0.5", "2")] == [
        (row["stage"], row["value"], row["right"]) for row in evaluated
    ]
    assert ["/first", "/<second>", "/third"] == [
        row["layer"] for row in rows(sheet.as_csv(page([], [], [layers])))
    ]
    with pytest.raises(UsageError, match="one table"):
        sheet.as_csv(page([record], [compared]))
