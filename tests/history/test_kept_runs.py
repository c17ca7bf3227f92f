"""What runs on a board is kept, also where it failed; and what happens where it cannot be kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer import cli
from deployer.history import History
from tests.fleet.rack import CLIPS, project, rack

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One simulated board for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPLOY_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        with rack(1) as places:
            yield places[0].config


@pytest.fixture
def history(board: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """That of a new project with this board."""
    monkeypatch.setenv("DEPLOY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    project(tmp_path, [board])
    return History(tmp_path / ".deploy" / "runs")


def test_a_run_and_a_bench_are_kept_under_the_ids_they_print(history: History, capsys: Captured) -> None:
    """What is printed at the end finds the record again."""
    assert 0 == cli.execute(["run", CLIPS[0], "--json", "-q"])
    said = json.loads(capsys.readouterr().out)
    assert 0 == cli.execute(["bench", "--runs", "1", "-q"])
    shown = capsys.readouterr().out

    bench, run = history.find()
    assert (said["run"], "run", 1) == (run.id, run.kind, run.headline.runs)
    assert f"run: {bench.id}" in shown.splitlines()
    assert {CLIPS[0]: 32} == history.record(run.id).targets
    assert history.record(run.id).sha256.keys() == {"prog_sed_eat", "models/eat.img", CLIPS[0]}


def test_a_run_that_failed_is_kept_as_a_failure(history: History, tmp_path: Path) -> None:
    """The exit code is the failure's, the record tells of it."""
    (tmp_path / "prog.sh").write_text("#!/bin/sh\necho no such model\nexit 3\n")

    assert 5 == cli.execute(["run", CLIPS[0], "-q"])
    assert [(0, 1)] == [(item.headline.runs, item.headline.failed) for item in history.find()]
    assert "exit status 3" in history.record().failures[0].reason


def test_a_run_is_shown_though_it_cannot_be_kept(history: History, capsys: Captured) -> None:
    """The result counts for more than the record: a warning, and exit code 0."""
    history.path.mkdir(parents=True)

    assert 0 == cli.execute(["run", CLIPS[0]])
    said = capsys.readouterr()
    assert "32 keyboard_typing" in said.out
    assert "not kept in the history" in said.err


def test_a_bench_that_could_not_be_kept_does_not_begin(history: History, capsys: Captured) -> None:
    """The fault is told before the board is busy for an hour, not after it."""
    history.path.mkdir(parents=True)

    assert 2 == cli.execute(["bench", "--runs", "1"])
    said = capsys.readouterr().err
    assert "history.db" in said
    assert "hint:" in said
    assert "runs" not in said.split("error:")[0]
