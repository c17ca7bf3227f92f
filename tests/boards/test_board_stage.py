"""The `board` stage: tensors over a real SSH connection, and every way in which a result can be none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from board_runner import dla_simulator
from board_runner.contract import Array, TensorSpec
from board_runner.integer.engine import OfflineEngine
from deployer import program
from deployer import push as push_step
from deployer.comparison import board_stage
from deployer.comparison.board_stage import Answer, Simulator
from deployer.errors import ProgramFailed
from deployer.events import Event, Warned, ignore
from deployer.push import BoardFile
from deployer.run import Program
from deployer.settings.config import BoardSimulatorSection
from tests.boards.servers import Place, simulated
from tests.integer import programs

Y = TensorSpec(name="y", dtype="float32", shape=(6,))
ALL = TensorSpec(name="all", dtype="float32", shape=(1, 19, 6))
OUTPUTS = (Y, ALL)
CLIPS = ("a b.wav", "1-137-A-32.wav", "grün, laut.wav")

Install = Callable[..., Simulator]


def _inputs() -> dict[str, Array]:
    rng = np.random.default_rng(1)
    return {clip: rng.uniform(-1, 1, (1, 2, programs.LENGTH)).astype(np.float32) for clip in CLIPS}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own simulator as one file."""
    folder = tmp_path_factory.mktemp("built")
    return program.build_python_program(folder / board_stage.OWN.name, program.SIMULATOR)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A small image of two outputs, on the host."""
    path = tmp_path / "eat.img"
    path.write_bytes(programs.packed(programs.every_op()))
    return path


def _install(place: Place, built: Path, image: Path, *, script: str = "") -> Simulator:
    """Push image and simulator; with `script`, that stands in front of it as the vendor's program."""
    placed = Program(directory=place.config.directory / "current", timeout_s=30, env=place.config.env)
    files = [
        BoardFile(source=image, name=PurePosixPath("models/eat.img")),
        BoardFile(source=built, name=board_stage.OWN, executable=True),
    ]
    section = BoardSimulatorSection()
    if script:
        path = image.with_name("vendor.sh")
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        files.append(BoardFile(source=path, name=PurePosixPath("vendor"), executable=True))
        section = BoardSimulatorSection(path=placed.directory / "vendor", format="DUMP_RAWDATA")
    with place.board() as board:
        push_step.push(board, files, place.config.directory)
    chosen = board_stage.choose(section, placed, own_runtime=True)
    assert chosen is not None
    return chosen


def _run(
    place: Place, simulator: Simulator, image: Path, outputs: tuple[TensorSpec, ...] = OUTPUTS
) -> list[Answer]:
    with place.board() as board:
        assert board_stage.missing(board, simulator) is None
        expected = board_stage.expected_of(image)
        return list(board_stage.simulate(board, simulator, _inputs().items(), outputs, expected=expected))


@pytest.mark.parametrize("sftp", [True, False])
def test_the_boards_tensors_are_the_hosts_bit_for_bit(sftp: bool, built: Path, image: Path) -> None:
    """Same image, same input bytes: the fingerprint proves what six decimals cannot; nothing is left behind."""
    with simulated(sftp=sftp) as place:
        answers = _run(place, _install(place, built, image), image)

        left = [path for path in (place.current / "compare").rglob("*") if path.is_file()]

    engine = OfflineEngine.load(image)
    assert list(CLIPS) == [answer.clip for answer in answers]
    for answer, value in zip(answers, _inputs().values(), strict=True):
        here = engine.run({"x": value})
        assert {"y": (6,), "all": here["all"].shape} == {n: t.shape for n, t in answer.tensors.items()}
        for name, tensor in answer.tensors.items():
            np.testing.assert_allclose(tensor, here[name], atol=5.1e-7)
        raw = engine.run_raw({"x": value})
        assert dla_simulator.fingerprint(raw.values()) == answer.xor == answer.expected_xor
        assert answer.bit_exact is True and answer.invoke_ms > 0
    assert [] == left


def test_the_stage_says_how_many_are_bit_exact(sim: Place, built: Path, image: Path) -> None:
    """The detail of the stage carries the proof, and the fingerprints are kept."""
    answers = _run(sim, _install(sim, built, image), image)

    done = board_stage.collect(answers, total=3, where="here", emit=ignore)

    assert "here; bit-exact: All outputs XOR is the host's on 3 of 3 clips" == done.stage.detail
    assert {answer.clip: answer.xor for answer in answers} == done.stage.fingerprints
    assert (set(CLIPS), None, ()) == (set(done.stage.outputs), done.stage.class_ids, done.differing)


def test_the_vendors_program_gets_its_own_command_line(sim: Place, built: Path, image: Path) -> None:
    """At the configured path, with the configured format, in a folder of its own."""
    simulator = _install(
        sim, built, image, script='echo "$@" >>../asked; exec ../prog_dla_dla_simulator "$@"'
    )

    answers = _run(sim, simulator, image)

    assert [True] * 3 == [answer.bit_exact for answer in answers]
    asked = (sim.current / "asked").read_text(encoding="utf-8").splitlines()
    assert 3 == len(asked)
    assert asked[0].endswith(".bin -m ../models/eat.img -c Unknown -f DUMP_RAWDATA")


def test_a_wrong_model_on_the_board_is_not_bit_exact(
    sim: Place, built: Path, image: Path, tmp_path: Path
) -> None:
    """Same outputs by name and shape, other weights: told as a warning, clip by clip, never as equal."""
    other = tmp_path / "other.img"
    other.write_bytes(programs.packed(programs.every_op(seed=7)))
    events: list[Event] = []

    answers = _run(sim, _install(sim, built, other), image)
    done = board_stage.collect(answers, total=3, where="here", emit=events.append)

    assert CLIPS == done.differing
    assert "NOT bit-exact: All outputs XOR is the host's on 0 of 3 clips" in done.stage.detail
    assert any(isinstance(event, Warned) and CLIPS[0] in event.message for event in events)


def test_a_model_of_other_outputs_is_refused(sim: Place, built: Path, image: Path) -> None:
    """Names and shapes must be the model's: no tensor is taken for another."""
    simulator = _install(sim, built, image)

    with pytest.raises(ProgramFailed, match=r"the board gave \['all', 'y'\]"):
        _run(sim, simulator, image, (Y,))
    with pytest.raises(ProgramFailed, match=r"\[6\] against \[1, 50\]"):
        _run(sim, simulator, image, (TensorSpec(name="y", dtype="float32", shape=(1, 50)), ALL))


def test_another_makers_image_has_a_fingerprint_and_no_verdict(sim: Place, built: Path, image: Path) -> None:
    """What the host cannot compute is not called bit-exact, and not called different."""
    simulator = _install(sim, built, image)
    foreign = image.with_name("vendor.img")
    foreign.write_bytes(b"SGS" + bytes(500))

    assert board_stage.expected_of(foreign) is None
    done = board_stage.collect(_run(sim, simulator, foreign), total=3, where="here", emit=ignore)
    assert "not checked" in done.stage.detail
    assert () == done.differing and 3 == len(done.stage.fingerprints or {})


RESULT = 'r="output/unknown_$(basename "$4")_$2.txt"'
SAYS_DONE = "printf '1 / 1\\t5.0 ms\\nAll outputs XOR = 0x00000001\\nDone! Results in `output` folder.\\n'"


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        (
            f'{RESULT}; ../prog_dla_dla_simulator "$@"; head -c 90 "$r" >t; mv t "$r"',
            "a b.wav, line .*cut short",
        ),
        (f'{RESULT}; ../prog_dla_dla_simulator "$@"; : >"$r"', "not whole: a b.wav, line 1: no tensor"),
        (
            f'{RESULT}; ../prog_dla_dla_simulator "$@"; sed s/0/1/ "$r" >t; mv t "$r"',
            "printed values are not",
        ),
        (SAYS_DONE, "said Done! and left no unknown_eat.img_clip00001_"),
        ('echo "Get model variable buffer size failed! Error Code: 54" >&2', "54"),
        ("echo nonsense; exit 0", "gave no result .exit status 0.: nonsense"),
        ("kill -9 $$", "gave no result"),
    ],
)
def test_a_run_without_a_whole_result_of_its_own_is_a_failure(
    script: str, fault: str, sim: Place, built: Path, image: Path
) -> None:
    """Cut, empty, altered or absent files and runs that only print: never an answer, whatever the exit status.

    A whole result of an earlier run lies where the new one belongs: it is never taken for the new one.
    """
    simulator = _install(sim, built, image, script=script)
    digest = hashlib.sha256(_inputs()[CLIPS[0]].tobytes()).hexdigest()[:8]
    stale = sim.current / "compare" / "output" / f"unknown_eat.img_clip00001_{digest}.bin.txt"
    stale.parent.mkdir(parents=True)
    engine = OfflineEngine.load(image)
    raw = engine.run_raw({"x": _inputs()[CLIPS[1]]})
    text = "".join(dla_simulator.dump(name, raw[name], engine.output_scales[name]) for name in raw)
    stale.write_text(text, encoding="utf-8")
    mine = stale.with_name("mine.txt")
    mine.write_text("mine", encoding="utf-8")

    with pytest.raises(ProgramFailed, match=fault):
        _run(sim, simulator, image)

    assert not stale.exists()
    assert mine.exists()
    assert not list((sim.current / "compare").glob("*.bin"))


def test_where_there_is_no_program_it_is_said(sim: Place, built: Path, image: Path) -> None:
    """A configured path with nothing there, and no path at all: two different reasons in words."""
    placed = _install(sim, built, image).program
    path = PurePosixPath("/customer/no/prog_dla_dla_simulator")

    with sim.board() as board:
        chosen = board_stage.choose(BoardSimulatorSection(path=path), placed, own_runtime=True)
        assert f"there is no program {path}" in (board_stage.missing(board, chosen) or "")
        chosen = board_stage.choose(BoardSimulatorSection(), placed, own_runtime=False)
        assert chosen is None
        assert "`board_simulator:`" in (board_stage.missing(board, chosen) or "")
