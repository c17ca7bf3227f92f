"""`deploy report`: from the history or a file, in the form that was asked for, to where it was asked."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from deployer import cli
from deployer.cli.demo import reports
from deployer.history import History
from tests.reporting import made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two runs in its history, the newer one on the rack."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DEPLOY_STATE_DIR", raising=False)
    history = History(tmp_path / ".deploy" / "runs")
    history.add(made.record(), tags=["good"])
    newer = made.record(id="20260102-000000-bench-0000", board="rack")
    history.add(dataclasses.replace(newer, created="2026-01-02T00:00:00+00:00"))
    return tmp_path


@pytest.mark.usefixtures("project")
def test_the_newest_run_is_shown_in_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a word more; by its tag, its beginning or its file it is another one."""
    assert 0 == cli.execute(["report"])
    assert capsys.readouterr().out.startswith("# eat on rack\n")
    for name in ("good", "20260101"):
        assert 0 == cli.execute(["report", name])
        assert capsys.readouterr().out.startswith("# eat on desk\n")


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("a.html", "<!doctype html>"),
        ("a.md", "# eat"),
        ("a.xml", "<?xml"),
        ("a.csv", "run_id,"),
        ("a.json", "{"),
    ],
)
def test_the_form_is_what_the_file_is_named(project: Path, name: str, begins: str) -> None:
    """`--out report.html` needs no `--format`."""
    assert 0 == cli.execute(["report", "--out", name, "--sounds", "0"])
    assert (project / name).read_text(encoding="utf-8").lower().startswith(begins.lower())


@pytest.mark.usefixtures("project")
def test_a_folder_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong `--out` is the user's to mend, not a bug of ours."""
    assert 2 == cli.execute(["report", "--out", "none/such.html"])
    assert "error: no folder none\nhint: make it first" in capsys.readouterr().err


def test_html_goes_to_a_file_named_after_the_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody reads a page of HTML in a terminal; the file's name is told, and nothing else."""
    assert 0 == cli.execute(["report", "good", "--format", "html"])

    path = project / "20260101-000000-bench-abcd.html"
    assert path.is_file()
    assert ("", f"report: {path.name}\n") == capsys.readouterr()


def test_several_runs_and_comparisons_are_one_report(
    project: Path,
    stages_json: dict[str, Any],
    layers_json: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each is told by what is in the file, as the commands print or keep it."""
    (project / "stages.json").write_text(json.dumps(stages_json))
    (project / "demo.json").write_text(json.dumps({"comparison": stages_json, "bench": {}}))
    (project / "layers.json").write_text(json.dumps(layers_json))
    (project / "printed.json").write_text(json.dumps({"layers": layers_json, "disk": []}))
    named = ["stages.json", "demo.json", "layers.json", "printed.json"]

    History(project / ".deploy" / "runs").add(made.evaluation(), tags=["judged"])

    assert 0 == cli.execute(["report", "good", "20260102", "judged", *named, "--format", "json"])

    shown = json.loads(capsys.readouterr().out)
    assert (2, 1, 2, 2) == tuple(len(shown[key]) for key in ("runs", "evaluations", "stages", "layers"))


def test_what_the_other_forms_print_is_whole(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout, ready for a pipe: XML that parses, CSV of as many rows as runs."""
    assert 0 == cli.execute(["report", "--format", "junit"])
    assert "4" == ElementTree.fromstring(capsys.readouterr().out).get("tests")
    assert 0 == cli.execute(["report", "good", "latest", "--format", "csv"])
    assert 24 == len(list(csv.DictReader(capsys.readouterr().out.splitlines())))
    assert 0 == cli.execute(["report", "--format", "github"])
    assert capsys.readouterr().out.startswith("## ❌ eat on rack\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "no JSON object"),
        ("{", "not a run record"),
        ("{}", "nothing that a report shows"),
        ("[" * 9999, "not"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    project: Path, content: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its name, with what would be shown."""
    (project / "x.json").write_text(content)

    assert 2 == cli.execute(["report", "x.json"])
    error = capsys.readouterr().err
    assert "x.json" in error
    assert message in error


def test_json_and_another_form_are_not_both_to_be_had(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of two wishes would be lost without a word."""
    assert 2 == cli.execute(["report", "--json", "--format", "csv"])
    assert "one of them" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["junit", "csv"])
def test_a_form_of_runs_passes_over_evaluations(
    form: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a CI reads is the newest run, though an evaluation came after it; an evaluation is shown by its name."""
    newest = dataclasses.replace(made.evaluation(), created="2027-01-01T00:00:00+00:00")
    History(project / ".deploy" / "runs").add(newest)

    assert 0 == cli.execute(["report", "--format", form])
    assert "rack" in capsys.readouterr().out
    assert 0 == cli.execute(["report", newest.id, "--format", form])
    assert "onnx" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a.bogus", "a", "a.htlm"])
def test_an_ending_that_names_no_form_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Instead of Markdown under a name that says otherwise; with --format any name will do."""
    assert 2 == cli.execute(["report", "--out", name])
    said = capsys.readouterr().err
    assert "names no form" in said and ".html" in said and "--format" in said
    assert not (project / name).exists()

    assert 0 == cli.execute(["report", "--out", name, "--format", "csv"])
    assert (project / name).read_text().startswith("run_id,")


def test_the_demo_leaves_a_page_to_look_at(tmp_path: Path) -> None:
    """Beside the Markdown, which GitHub shows, the HTML with its plots."""
    written, drawn = reports(made.record(), tmp_path, clips_dir=tmp_path)

    assert ("report.md", "report.html") == (written.name, drawn.name)
    assert written.read_text(encoding="utf-8").startswith("# eat on desk")
    assert "<svg" in drawn.read_text(encoding="utf-8")
