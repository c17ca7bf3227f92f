"""`deploy tune --scheduler`: the same choice as here, with a worker killed in the middle."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from board_runner.errors import InputError
from deployer.events import Advanced, Event, ignore
from deployer.project import Project
from deployer.settings import config
from deployer.tuning import tune
from deployer.tuning.candidates import Limits
from tests.quant import small
from tests.scheduling.dask_here import Cluster as Processes

pytest.importorskip("distributed", reason="Dask's distributed is not installed")


def _project(folder: Path) -> Project:
    folder.mkdir()
    return Project(config.load(small.write_project(folder) / "deploy.yaml"))


def test_tune_with_a_killed_worker_is_tune_here(tmp_path: Path) -> None:
    """Sizes, accuracies and the choice; only the speed is of another machine, and that is said."""
    project, limits = _project(tmp_path / "project"), Limits(min_sqnr_db=30)
    here = tune.tune(project, limits, out=tmp_path / "here", emit=ignore)
    killed: list[float] = []
    with Processes() as made:
        lost, _ = made.start([], [])

        def emit(event: Event) -> None:
            if isinstance(event, Advanced) and event.step == tune.STEP and not killed:
                lost.kill()
                killed.append(time.monotonic())

        there = tune.tune(project, limits, out=tmp_path / "there", scheduler=made.address, emit=emit)

    assert killed
    assert [replace(r, invoke_ms=0.0) for r in here.results] == [
        replace(r, invoke_ms=0.0) for r in there.results
    ]
    assert here.choice.result.candidate == there.choice.result.candidate
    told = json.loads((tmp_path / "there" / tune.REPORT).read_text())
    assert told["speed"] == "median of a worker's simulator, not of a board"


def test_what_was_tried_here_is_not_sent(tmp_path: Path) -> None:
    """An interrupted tune goes on, wherever it was begun; clips that have changed there are refused."""
    project = _project(tmp_path / "project")
    tune.tune(project, Limits(), out=tmp_path / "out", emit=ignore)
    with Processes() as made:
        made.start([])

        def emit(event: Event) -> None:
            if isinstance(event, Advanced) and event.step == tune.STEP:
                for wav in project.clips:
                    wav.write_bytes(wav.read_bytes() + bytes(2))

        done = tune.tune(project, Limits(), out=tmp_path / "out", scheduler=made.address, emit=ignore)
        with pytest.raises(InputError, match="not the file that it is here"):
            tune.tune(project, Limits(), out=tmp_path / "fresh", scheduler=made.address, emit=emit)
    assert done.on_cluster and len(done.results) == 8
