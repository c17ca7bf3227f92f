"""A fleet of labs whose workers are lost in the middle: what was begun is told, begun again, and kept once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.errors import INTERRUPTED, ClusterFailed
from deployer.events import ignore
from deployer.fleet.lab_work import LOST, InLabs
from deployer.fleet.outcome import State
from deployer.fleet.runner import run_fleet
from deployer.history import History
from deployer.on_board import board_files
from deployer.project import Project
from deployer.records import RunRecord
from deployer.scheduling import carried
from deployer.scheduling.labs import Labs as Connection
from deployer.settings import config
from tests.boards.servers import Place
from tests.processes import sleeping
from tests.scheduling import work
from tests.scheduling.labs_here import NAPS, Labs, deploy, kill, meanwhile, restart

pytest.importorskip("distributed", reason="Dask's distributed is not installed")

Captured = pytest.CaptureFixture[str]


def test_a_bench_goes_on_with_the_worker_that_comes_back(labs: Labs, project: Path, capsys: Captured) -> None:
    """It is told, the dead worker's lock is taken over, and each board has one record, which knows of it."""
    with meanwhile(_naps, lambda: restart(labs, labs.first)) as restarted:
        code, told, said = deploy(labs, capsys, "bench", "--all", "--runs", "10", "--warm-up", "0")

    assert restarted
    assert (0, {"done"}) == (code, {item["state"] for item in told}), said
    records = _records(project)
    assert ["b00", "b01", "b02", "b03"] == sorted(record.board.name for record in records)
    assert {20} == {len(record.counted) for record in records}
    again = {record.board.name for record in records if record.environment.get(LOST)}
    assert again and again <= {"b00", "b01"}
    assert "was lost in the middle; begun again by tcp://" in said
    assert "an old lock was taken over" in said


def test_a_push_goes_on_with_the_worker_that_comes_back(labs: Labs, project: Path, capsys: Captured) -> None:
    """The boards have every file whole, and nothing of a half one."""
    model = os.urandom(24 << 20)
    (project / "eat.img").write_bytes(model)
    with meanwhile(lambda: any(map(_arriving, labs.first.places)), lambda: restart(labs, labs.first)) as done:
        code, _, said = deploy(labs, capsys, "push", "--all")

    assert done
    assert 0 == code, said
    assert "was lost in the middle; begun again by tcp://" in said
    for place in labs.places:
        assert model == (place.current / "models/eat.img").read_bytes()
        assert not list((place.files / "staging").glob("*"))


def test_a_lab_that_is_gone_fails_alone(labs: Labs, project: Path) -> None:
    """Its boards are told with the cure, after a while in which nobody came; the others are done."""
    files = board_files(Project(config.load(project / "deploy.yaml")), emit=ignore)
    with Connection(labs.cluster.address, without_worker_s=0.5) as connection:
        there = InLabs(labs=connection, project=Project(config.load(project / "deploy.yaml")), files=files)
        job = there.run("1-137-A-32_22.05k.wav")
        kill(labs, labs.first)
        result = run_fleet([place.config for place in labs.places], job)
    restart(labs, labs.first)

    states = {outcome.board: outcome.state for outcome in result.outcomes}
    assert [State.FAILED, State.FAILED, State.DONE, State.DONE] == list(states.values())
    trouble = result.outcomes[0].trouble
    assert trouble is not None and 9 == trouble.exit_code == result.exit_code
    assert "b00: its worker went away, and none with board-b00 came" in trouble.message
    assert "--retry-failed" in trouble.hint


def test_a_task_that_kills_its_workers_is_given_up(labs: Labs, project: Path) -> None:
    """It is not tried for ever: with one failure allowed, two workers are lost to it."""
    lab = labs.first.folder.with_name("doomed")
    lab.mkdir()
    (lab / "deploy.yaml").write_text("boards: {doomed: {host: 127.0.0.1}}\n")
    workers = [labs.cluster.start_lab(lab, ["doomed"]) for _ in range(2)]
    cargo = carried.of_files(Project(config.load(project / "deploy.yaml")), [])
    again_and_again = pytest.raises(
        ClusterFailed, match="doomed: its task was lost with its worker again and again"
    )
    with Connection(labs.cluster.address) as connection, again_and_again:
        connection.ask("doomed", work.end_beside_the_board, cargo, emit=ignore)

    assert [1, 1] == [worker.wait() for worker in workers]


def test_ctrl_c_ends_the_programs_on_the_boards(labs: Labs, project: Path) -> None:
    """Exit code 130; what was measured is kept; the next command finds no board in use."""
    asked = ["bench", "--all", "--runs", "400", "--scheduler", labs.cluster.address, "-q"]
    running = subprocess.Popen(
        [sys.executable, "-m", "deployer", *asked], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    with meanwhile(lambda: len(sleeping(NAPS)) == 4, lambda: running.send_signal(signal.SIGINT)) as done:
        _, said = running.communicate()

    assert done
    assert INTERRUPTED == running.returncode, said
    assert [] == sleeping(NAPS)
    records = _records(project)
    assert 4 == len(records) and all(0 < len(record.samples) < 800 for record in records)


def _naps() -> bool:
    return len(sleeping(NAPS)) >= 3


def _arriving(place: Place) -> bool:
    return any(path.stat().st_size for path in (place.files / "staging").glob("*"))


def _records(project: Path) -> list[RunRecord]:
    history = History(project / ".deploy/runs")
    return [history.record(entry.id) for entry in history.find()]
