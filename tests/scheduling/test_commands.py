"""`--scheduler` of the commands: the same record and files as without it, with a worker killed in the middle."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from board_runner.errors import InputError
from deployer.board.config import BoardConfig
from deployer.cli.compare_sim import command as compare_sim
from deployer.comparison.output_store import OutputFolder
from deployer.errors import INTERRUPTED
from deployer.evaluation import listing
from deployer.evaluation.evaluate import Request, evaluate
from deployer.events import Advanced, Event, Finished
from deployer.project import Project
from deployer.settings import config
from tests.evaluation import words
from tests.scheduling.dask_here import Cluster as Processes

pytest.importorskip("distributed", reason="Dask's distributed is not installed")


@pytest.fixture(scope="module")
def two() -> Iterator[Processes]:
    """A scheduler and two workers."""
    with Processes() as made:
        made.start([], [])
        yield made


@pytest.fixture(scope="module")
def spotter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one matrix."""
    return words.write_model(tmp_path_factory.mktemp("model") / "words.onnx")


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty noises."""
    return words.write_clips(tmp_path_factory.mktemp("spoken"), 60)


def _answers(project: Path) -> list[dict[str, Any]]:
    (path,) = (project / ".deploy" / "eval").glob("*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()[1:]]


def test_eval_with_a_killed_worker_is_eval_here(tmp_path: Path, spotter: Path, spoken: Path) -> None:
    """Figures, and the file of answers line by line, each clip once."""
    here, there = (words.write_project(tmp_path / name, spotter) for name in ("here", "there"))
    alone = words.run(here, str(spoken), "--jobs", "1")
    killed: list[object] = []
    with Processes() as made:
        lost, _ = made.start([], [])

        def emit(event: Event) -> None:
            if isinstance(event, Advanced) and event.step == "onnx" and not killed:
                lost.kill()
                killed.append(lost)

        request = Request(stages=["onnx"], dataset=spoken, scheduler=made.address)
        project = Project(config.load(there / "deploy.yaml"))
        found = evaluate(project, request, config=_no_board, emit=emit)

    assert killed
    assert _answers(here) == _answers(there)
    assert {1} == set(Counter(answer["key"] for answer in _answers(there)).values())
    measured = found.stages[0].measured.classes
    assert measured is not None
    assert alone["stages"][0]["measured"]["classes"]["right"] == measured.right


def test_eval_refuses_clips_that_differ_there(two: Processes, tmp_path: Path, spotter: Path) -> None:
    """A worker's own copy of the data set may be last month's."""
    (tmp_path / "clips").mkdir()
    clips = words.write_clips(tmp_path / "clips", 6)
    project = Project(config.load(words.write_project(tmp_path / "project", spotter) / "deploy.yaml"))

    def emit(event: Event) -> None:
        if isinstance(event, Finished) and event.step == listing.STEP:
            for wav in clips.rglob("*.wav"):
                wav.write_bytes(wav.read_bytes() + bytes(2))

    request = Request(stages=["onnx"], dataset=clips, scheduler=two.address)
    with pytest.raises(InputError, match="another file than here"):
        evaluate(project, request, config=_no_board, emit=emit)


def _no_board() -> BoardConfig:
    raise AssertionError("no board was asked for")


def test_compare_sim_there_is_compare_sim_here(
    two: Processes, tmp_path: Path, spotter: Path, spoken: Path
) -> None:
    """The same outputs to the bit; what is kept is not computed again."""
    project = words.write_project(tmp_path / "project", spotter)
    clips = tmp_path / "clips"
    clips.mkdir()
    for wav in sorted((spoken / "yes").iterdir()):
        (clips / wav.name).symlink_to(wav)
    reference = tmp_path / "reference"
    reference.mkdir()
    for wav in clips.iterdir():
        np.save(reference / f"{wav.stem}.npy", np.ones((1, 12), np.float32))

    def outputs(name: str, *words_: str) -> tuple[str, dict[str, Any]]:
        common = [
            "onnx",
            "--clips",
            str(clips),
            "--reference",
            str(reference),
            "--save",
            str(tmp_path / name),
        ]
        ran = CliRunner().invoke(compare_sim, [*common, *words_, "--config", str(project / "deploy.yaml")])
        assert ran.exit_code in {0, 1}, (ran.output, ran.exception)
        folder = OutputFolder.open(tmp_path / name / "onnx")
        return ran.output, {clip: dict(folder[clip]) for clip in folder}

    _, here = outputs("here", "--jobs", "1")
    _, there = outputs("there", "--scheduler", two.address)
    told, again = outputs("there", "--scheduler", two.address)

    assert 20 == len(here) and list(here) == list(there) == list(again)
    for clip, tensors in here.items():
        for name, tensor in tensors.items():
            np.testing.assert_array_equal(tensor, there[clip][name])
    assert "20 of them kept from before" in told


def test_an_interrupted_eval_ends_and_goes_on(tmp_path: Path, spotter: Path) -> None:
    """Ctrl-C: exit code 130, the workers are free for the next, which asks for what is missing alone."""
    (tmp_path / "clips").mkdir()
    clips = words.write_clips(tmp_path / "clips", 500)
    project = words.write_project(tmp_path / "project", spotter)
    with Processes() as made:
        made.start([])
        asked = ["eval", str(clips), "--scheduler", made.address, "--config", str(project / "deploy.yaml")]
        running = subprocess.Popen(
            [sys.executable, "-m", "deployer", *asked, "-q"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        while running.poll() is None and not _some_answers(project):
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate()
        assert INTERRUPTED == running.returncode, told
        kept = len(_answers(project))
        assert 0 < kept < 500
        words.run(project, str(clips), "--scheduler", made.address)

    assert 500 == len({answer["key"] for answer in _answers(project)}) == len(_answers(project))


def _some_answers(project: Path) -> bool:
    return any(path.read_text().count("\n") > 8 for path in (project / ".deploy" / "eval").glob("*.jsonl"))
