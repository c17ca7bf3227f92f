"""`deploy eval --stage board` beside the workers of labs: a record a board, answers kept here as they come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from deployer.errors import CheckFailed
from deployer.evaluation import by_lab
from deployer.evaluation.evaluate import Request, evaluate
from deployer.events import Event, Started
from deployer.project import Project
from deployer.settings import config
from tests.processes import sleeping
from tests.scheduling.labs_here import NAPS, Labs, deploy, meanwhile, restart

pytest.importorskip("distributed", reason="Dask's distributed is not installed")

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def project(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without boards, and six clips of which the board program, which says 32, is right about two."""
    monkeypatch.setattr(by_lab, "TOGETHER", 2)
    (project / "spoken").mkdir()
    for number in range(6):
        target = 32 if number % 3 == 0 else 5
        sound = np.full(22050, 0.01 * number, np.float32)
        soundfile.write(project / "spoken" / f"1-{number}-A-{target}.wav", sound, 22050, subtype="PCM_16")
    return project


def test_each_board_has_a_record_and_its_answers_are_those_from_here(
    labs: Labs, project: Path, capsys: Captured
) -> None:
    """What a board answered through its worker is not asked again over a connection from here."""
    code, told, said = deploy(
        labs, capsys, "eval", "spoken", "--stage", "board", "--all", "--min-metric", "0.9"
    )
    assert (1, 4) == (code, len(told)), said
    assert CheckFailed.exit_code == code and "b02: board: accuracy 0.3333 is below 0.9" in said
    assert [2] * 4 == [item["result"]["stages"][0]["measured"]["classes"]["right"] for item in told]
    assert ["b00", "b01", "b02", "b03"] == [item["result"]["board"]["name"] for item in told]
    assert 1 == len({item["result"]["dataset"]["sha256"] for item in told})

    asked: list[int | None] = []

    def emit(event: Event) -> None:
        if isinstance(event, Started) and event.step == "board":
            asked.append(event.total)

    here = evaluate(
        Project(config.load(project / "deploy.yaml")),
        Request(stages=["board"], dataset=project / "spoken"),
        config=lambda: labs.places[0].config,
        emit=emit,
    )
    assert [0] == asked
    assert here.stages[0].key == told[0]["result"]["stages"][0]["key"]


def test_a_lost_worker_costs_the_clips_of_one_task(labs: Labs, project: Path, capsys: Captured) -> None:
    """Answers that had come are kept, the rest is asked of the worker that comes back; among other stages too."""
    with meanwhile(lambda: bool(sleeping(NAPS)), lambda: restart(labs, labs.first)) as done:
        code, told, said = deploy(labs, capsys, "eval", "spoken", "--stage", "board", "--board", "b01")

    assert done and 0 == code, said
    (outcome,) = [told] if isinstance(told, dict) else told
    assert 2 == outcome["stages"][0]["measured"]["classes"]["right"]
    assert "was lost in the middle; begun again by tcp://" in said


def test_several_boards_are_of_the_board_stage_alone(labs: Labs, project: Path, capsys: Captured) -> None:
    """Other stages would be computed once for each of them."""
    code, _, said = deploy(labs, capsys, "eval", "spoken", "--stage", "onnx", "--stage", "board", "--all")
    assert 2 == code and "`--stage board` alone" in said
