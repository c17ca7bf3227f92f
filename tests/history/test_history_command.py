"""`deploy history` as it is typed, over runs parsed from logs and made by hand."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from deployer import cli
from deployer.history import History
from tests.history.made import bench
from tests.reporting.made import evaluation

Captured = pytest.CaptureFixture[str]
LOG = Path(__file__).parents[1] / "transcripts" / "eat_pcupid_seed_raw.txt"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """A project with two benches; the older one is tagged."""
    monkeypatch.chdir(tmp_path)
    history = History(tmp_path / ".deploy" / "runs")
    history.add(bench("20260110-000000-bench-0001", created="2026-01-10T12:00:00+00:00"), tags=["golden"])
    later = bench(
        "20260210-000000-bench-0002",
        created="2026-02-10T12:00:00+00:00",
        board="rack",
        class_ids=(0, 0, 0, 0),
    )
    history.add(later)
    return history


def _json(capsys: Captured, *words: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert code == cli.execute(["history", *words, "--json"])
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        ([], "21"),
        (["list"], "21"),
        (["--board", "rack"], "2"),
        (["--chip", "pcupid", "--model", "eat", "--kind", "bench"], "21"),
        (["--tag", "golden"], "1"),
        (["--since", "2026-01-11"], "2"),
        (["--until", "2026-02-09"], "1"),
        (["--limit", "1"], "2"),
    ],
)
def test_without_a_word_the_runs_are_listed(words: list[str], ends: str, capsys: Captured) -> None:
    """The filters follow at once, as they follow `list`."""
    assert ends == "".join(item["id"][-1] for item in _json(capsys, *words))


def test_every_command_has_a_page_for_people(capsys: Captured) -> None:
    """What is printed names the runs, their figures and what changed."""
    for words, said in (
        ([], "accuracy 0.500"),
        (["show", "golden"], "tags: golden"),
        (["diff", "golden"], "board.name: desk -> rack"),
        (["tag", "latest", "v1"], "20260210-000000-bench-0002: v1"),
        (["tag", "latest", "v1", "--remove"], "no tags"),
        (["gc", "--keep", "0", "--dry-run"], "1 more have a tag"),
    ):
        assert 0 == cli.execute(["history", *words])
        assert said in capsys.readouterr().out


def test_a_difference_is_data_and_an_exit_code(capsys: Captured) -> None:
    """The second clip's answer went from rooster or dog to dog: no flip of the most frequent; a forced one is."""
    found = _json(capsys, "diff", "golden", "latest", "--fail-on-flip", code=0)
    assert [False, False] == [clip["flipped"] for clip in found["clips"]]
    assert 0.0 == found["clips"][0]["change"]


def test_a_flip_ends_with_1_where_that_is_asked(project: History, capsys: Captured) -> None:
    """For CI: another answer than the tagged run's is a failure."""
    project.add(
        bench("20260310-000000-bench-0003", class_ids=(1, 1, 1, 1), created="2026-03-10T12:00:00+00:00")
    )

    assert [True, True] == [
        clip["flipped"] for clip in _json(capsys, "diff", "golden", "--fail-on-flip", code=1)["clips"]
    ]


def test_what_is_exported_is_imported_elsewhere(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By folder or by the array on stdout; a run that is known stays one."""
    assert 0 == cli.execute(["history", "export", "--out", "out"])
    capsys.readouterr()
    assert 0 == cli.execute(["history", "export", "golden"])
    (tmp_path / "one.json").write_text(capsys.readouterr().out, encoding="utf-8")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")

    assert {"added": 1, "known": 0, "refused": []} == _json(capsys, "import", "../one.json")
    assert {"added": 1, "known": 1, "refused": []} == _json(capsys, "import", "../out")
    assert [[], ["golden"]] == [item["tags"] for item in _json(capsys)]


def test_a_file_that_is_no_run_is_refused(tmp_path: Path, capsys: Captured) -> None:
    """By its name, with exit code 2; the runs that are there stay."""
    (tmp_path / "no run.json").write_text("{}", encoding="utf-8")
    assert 2 == cli.execute(["history", "import", str(tmp_path / "no run.json")])
    assert "error: not taken in: " in (said := capsys.readouterr().err) and "no run.json" in said
    assert 2 == len(_json(capsys))


def test_a_parsed_log_is_a_run_like_any_other(capsys: Captured) -> None:
    """`deploy parse --save` keeps it; `deploy report` finds it by its id."""
    assert 0 == cli.execute(["parse", str(LOG), "--save", "--json"])
    id = json.loads(capsys.readouterr().out)["record"]["id"]

    assert id == _json(capsys, "--kind", "parse")[0]["id"]
    assert 0 == cli.execute(["report", id])
    assert id in capsys.readouterr().out


def test_evaluations_are_listed_shown_and_compared(project: History, capsys: Captured) -> None:
    """One clip of four told worse in a stage: its metric and the recall of its class say so, by hand."""
    a = evaluation()
    b = dataclasses.replace(a, id="20260401-000000-eval-0002", created="2026-04-01T00:00:00+00:00")
    b = dataclasses.replace(b, stages=(dataclasses.replace(b.stages[1], stage="onnx"), *b.stages[1:]))
    project.add(a)
    project.add(b)

    found = _json(capsys, "diff", a.id, b.id)
    assert [("onnx", 1.0, 0.5, True), ("fixed", 0.5, 0.5, False)] == [
        (stage["stage"], stage["a"], stage["b"], stage["worse"]) for stage in found["stages"]
    ]
    assert [(1, 1.0, 0.0), (2, 1.0, 0.5)] == [
        (item["class_id"], item["a_recall"], item["b_recall"]) for item in found["classes"]
    ]
    for words, said in (
        (["--kind", "eval"], "accuracy 0.500"),
        (["show", a.id], "4 clips"),
        (["diff", a.id, b.id], "-0.5000"),
    ):
        assert 0 == cli.execute(["history", *words])
        assert said in capsys.readouterr().out
    assert 2 == cli.execute(["history", "diff", a.id, b.id, "--fail-on-flip"])
    assert 2 == cli.execute(["history", "diff", "golden", b.id])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show", "1999"], "no run '1999'"),
        (["shwo"], "No such command 'shwo'"),
        (["gc"], "what may go"),
        (["--since", "soon"], "is no date"),
        (["tag", "latest", "../x"], "is no tag"),
        (["import", "none.json"], "none.json"),
        (["diff", "2026"], "fits 2 runs"),
    ],
)
def test_what_cannot_be_done_is_one_message_and_exit_code_2(
    words: list[str], message: str, capsys: Captured
) -> None:
    """Each names the fault; the history stays as it was."""
    assert 2 == cli.execute(["history", *words])
    assert message in capsys.readouterr().err
    assert 2 == len(_json(capsys))


def test_the_newest_is_held_against_the_one_before(project: History, capsys: Captured) -> None:
    """`diff latest`: of the same kind, model and board, whatever else was run in between."""
    project.add(bench("20260301-000000-bench-0003", created="2026-03-01T12:00:00+00:00", board="rack"))
    project.add(evaluation())
    found = _json(capsys, "diff", "20260301")

    assert ("20260210-000000-bench-0002", "20260301-000000-bench-0003") == (found["a"], found["b"])
    assert found == _json(capsys, "diff", "20260210", "20260301")


def test_a_run_is_not_held_against_itself(capsys: Captured) -> None:
    """Refused with a cure, as is the newest where none came before it."""
    assert 2 == cli.execute(["history", "diff", "golden", "20260110"])
    assert "nothing can differ" in capsys.readouterr().err
    assert 0 != cli.execute(["history", "diff", "latest"])
    said = capsys.readouterr().err
    assert "on rack before 20260210-000000-bench-0002, the newest" in said and "`deploy history`" in said
