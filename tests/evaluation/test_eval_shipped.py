"""The shipped model on the ten shipped clips, on every stage that a fresh project has, the board's among them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from board_runner.simboard import SimBoard, SimBoardConfig
from deployer import cli, pipeline, resources
from deployer.evaluation import by_board, record
from deployer.evaluation.dataset import Clip
from deployer.evaluation.listing import Listed
from deployer.evaluation.record import StageRecord
from deployer.program import build_python_program
from deployer.project import Project
from deployer.settings import config
from tests.evaluation import words
from tests.scheduling.dask_here import Cluster as Processes

RIGHT = 8
"""As docs/measured.md has it."""


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose model was converted once."""
    root = tmp_path_factory.mktemp("shipped")
    (root / "deploy.yaml").write_text("chip: pcupid\n")
    pipeline.convert(Project(config.load(root / "deploy.yaml")))
    return root


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimBoard]:
    """A simulated board, and known hosts of its own."""
    folder = tmp_path_factory.mktemp("board")
    with (
        pytest.MonkeyPatch.context() as patch,
        SimBoard(SimBoardConfig(root=folder / "root")).start() as made,
    ):
        patch.setenv("DEPLOY_STATE_DIR", str(folder / "state"))
        yield made


def _stages(result: dict[str, Any]) -> dict[str, StageRecord]:
    return {stage.stage: stage for stage in record.of_fields(result, place="the output").stages}


def test_the_simulated_stages_have_what_the_engines_have(converted: Path) -> None:
    """Onnx, float, fixed and offline: 8 of 10 right, no flip, and fixed's answers are offline's to the bit."""
    names = ("onnx", "float", "fixed", "offline")
    found = _stages(words.run(converted, *(word for name in names for word in ("--stage", name))))
    files = {name: next((converted / ".deploy" / "eval").glob(f"{name}-*.jsonl")) for name in names}
    scores = {name: path.read_text().splitlines()[1:] for name, path in files.items()}

    for name in names:
        classes = found[name].measured.classes
        assert classes is not None and (RIGHT, 10) == (classes.right, classes.clips)
        assert 1.0 == classes.top[5]
    assert sorted(scores["fixed"]) == sorted(scores["offline"])
    assert scores["float"] != scores["fixed"]


def test_simulators_on_a_cluster_say_what_they_say_here(converted: Path, three: Path, tmp_path: Path) -> None:
    """Eval's answers line by line, and compare-sim's outputs with the simulator's own texts."""
    pytest.importorskip("distributed", reason="Dask's distributed is not installed")
    given = [
        "compare-sim",
        "fixed",
        "offline",
        "--clips",
        str(three),
        "--config",
        str(converted / "deploy.yaml"),
    ]
    asked = [str(three), "--stage", "fixed", "--fresh"]
    words.run(converted, *asked)
    (path,) = (converted / ".deploy" / "eval").glob("fixed-*.jsonl")
    here = path.read_bytes()
    assert 0 == cli.execute([*given, "--save", str(tmp_path / "here"), "-q"])
    with Processes() as made:
        made.start([])
        words.run(converted, *asked, "--scheduler", made.address)
        there = ["--save", str(tmp_path / "there"), "-q", "--scheduler", made.address]
        assert 0 == cli.execute([*given, *there])

    assert here == path.read_bytes()
    kept = [sorted((tmp_path / name).rglob("*.*")) for name in ("here", "there")]
    assert [p.name for p in kept[0]] == [p.name for p in kept[1]] and 6 == len(
        list(tmp_path.rglob("*.npz"))
    ) // 2
    for one, other in zip(*kept, strict=True):
        assert one.suffix != ".txt" or one.read_bytes() == other.read_bytes()


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips that the model has right and the one that it has most wrong."""
    folder = tmp_path_factory.mktemp("three")
    for name in ("5-177957-A-40", "5-200334-A-1", "5-203128-A-0"):
        (folder / f"{name}.wav").symlink_to(resources.data_dir() / "clips" / f"{name}_22.05k.wav")
    return folder


def _with_board(converted: Path, board: SimBoard, **settings: Any) -> Path:
    """The converted project, whose deploy.yaml knows the board."""
    desk = {"host": board.host, "port": board.port, "key": str(board.client_key_path)}
    (converted / "deploy.yaml").write_text(
        json.dumps({"chip": "pcupid", "boards": {"desk": desk}, **settings})
    )
    return converted


def test_a_board_with_our_runtime_gives_scores(converted: Path, board: SimBoard, three: Path) -> None:
    """Held against offline: the same classes, top 5 and calibration, no flip."""
    project = _with_board(converted, board)
    result = words.run(project, str(three), "--stage", "offline", "--stage", "board")
    found = _stages(result)

    assert found["offline"].measured == found["board"].measured
    assert "desk" == result["board"]["name"] and not found["board"].notes
    assert [] == result["versus"][0]["flips"]


def test_a_board_with_another_program_gives_classes_alone(
    converted: Path, board: SimBoard, three: Path, tmp_path: Path
) -> None:
    """Which the result says, and why; the clips do not stay on the board."""
    program = build_python_program(tmp_path / "prog")
    project = _with_board(converted, board, program=str(program))
    found = _stages(words.run(project, str(three), "--stage", "board"))["board"]

    assert found.measured.classes is not None
    assert (2, {1: 2 / 3}, None) == (
        found.measured.classes.right,
        found.measured.classes.top,
        found.measured.classes.calibration,
    )
    assert by_board.CLASSES_ONLY in found.notes[0] and "board_simulator" in found.notes[0]
    assert [] == [path for path in board.root.rglob("*.wav") if path.parent.name == by_board.FOLDER]


def test_a_clip_that_a_program_fails_on_is_left_out_of_all_stages(
    converted: Path, board: SimBoard, three: Path, tmp_path: Path
) -> None:
    """A simulator's input and the board's program alike; without being asked for it that is an error."""
    clips = tmp_path / "clips"
    shutil.copytree(three, clips)
    (clips / "1-1-A-9.wav").write_bytes((three / "5-200334-A-1.wav").read_bytes()[:5000])
    project = _with_board(converted, board, program=str(build_python_program(tmp_path / "prog")))
    given = [str(clips), "--stage", "board", "--stage", "offline"]
    result = words.run(project, *given, "--keep-going")
    (left_out,) = result["dataset"]["left_out"]

    assert (1, "1-1-A-9.wav", "board") == (result["dataset"]["without"], left_out["clip"], left_out["stage"])
    assert all(3 == stage["measured"]["classes"]["clips"] for stage in result["stages"])
    assert 5 == cli.execute(["eval", *given, "-q", "--config", str(project / "deploy.yaml")])
    given = [str(clips), "--stage", "offline", "--stage", "fixed"]
    assert 2 == cli.execute(["eval", *given, "-q", "--config", str(project / "deploy.yaml")])


def test_clips_travel_in_batches_that_fit() -> None:
    """Each as large as may be, none larger but of one clip, all in order."""
    clips = sorted((resources.data_dir() / "clips").glob("*.wav"))
    listed = [Listed(clip=Clip(path=path, name=path.name, truth=""), key=path.name) for path in clips]
    size = clips[0].stat().st_size
    for room, counts in ((size * 3 + 100, [3, 3, 3, 1]), (1, [1] * 10), (size * 100, [10])):
        found = list(by_board.batches(listed, room))

        assert counts == [len(batch) for batch in found]
        assert listed == [one for batch in found for one in batch]
