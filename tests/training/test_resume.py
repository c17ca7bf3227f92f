"""A training in pieces is the training in one, bit by bit, and no piece makes anything worse."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from board_runner.errors import ModelError, UsageError
from deployer import interrupts, training
from deployer.events import Advanced, Event, Warned
from deployer.training.settings import Limits, TrainSettings

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="PyTorch is not installed")
Tiny = Callable[..., TrainSettings]
CPU = Limits(device="cpu", jobs=2)


@pytest.fixture(scope="module")
def whole(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that nothing interrupted."""
    from deployer.training import recipes
    from tests.training.conftest import TINY

    folder = tmp_path_factory.mktemp("whole") / "r1"
    assert training.run(tones, folder, recipes.settings("eat", TINY), limits=CPU).finished
    return folder


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return bool(torch.equal(one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


def _log(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def _assert_same(folder: Path, whole: Path) -> None:
    assert _log(folder) == _log(whole)
    for name in ("chkpnt.pt", "last/chkpnt.pt"):
        assert _equal(torch.load(folder / name), torch.load(whole / name)), name
    ours, theirs = (torch.load(place / "state.pt") for place in (folder, whole))
    assert _equal(ours["trainer"], theirs["trainer"])
    for name in ("args.yml", "labels.txt", "last/args.yml"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


def test_ctrl_c_between_any_two_steps_changes_nothing(
    tones: Path, tiny: Tiny, whole: Path, tmp_path: Path
) -> None:
    """Interrupted by a real signal in the first and in the second epoch, then gone on: the same to the last bit."""
    folder = tmp_path / "r1"
    for stop_at in (2, 4):
        said: list[str] = []

        def emit(event: Event, stop_at: int = stop_at, said: list[str] = said) -> None:
            if isinstance(event, Warned):
                said.append(event.message)
            if isinstance(event, Advanced) and event.done == stop_at:
                signal.raise_signal(signal.SIGINT)

        with interrupts.handled(), pytest.raises(KeyboardInterrupt):
            training.run(tones, folder, tiny(), limits=CPU, emit=emit)
        assert said == [f"{folder} is saved; the same command goes on"]
        state = torch.load(folder / "state.pt")
        assert 3 * state["epoch"] + state["step"] == stop_at
    assert training.run(tones, folder, tiny(), limits=CPU).finished
    _assert_same(folder, whole)


def test_a_training_in_pieces_is_the_same(tones: Path, tiny: Tiny, whole: Path, tmp_path: Path) -> None:
    """An epoch, no minutes, then the rest, with another number of threads; the report says what stopped it."""
    folder = tmp_path / "r1"
    first = training.run(tones, folder, tiny(), limits=Limits(device="cpu", epochs=1, jobs=1))
    assert (first.epochs_done, first.stopped_by, first.finished) == (1, "--epochs", False)
    second = training.run(tones, folder, tiny(), limits=Limits(device="cpu", max_minutes=0))
    assert (second.epochs_done, second.stopped_by) == (1, "--max-minutes")
    assert training.run(tones, folder, tiny(), limits=CPU).finished
    _assert_same(folder, whole)


def test_what_a_crash_lost_comes_again(tones: Path, tiny: Tiny, whole: Path, tmp_path: Path) -> None:
    """An old state beside later networks and a log whose last line is cut short: no epoch is there twice."""
    folder = tmp_path / "r1"
    training.run(tones, folder, tiny(), limits=Limits(device="cpu", epochs=1))
    state = (folder / "state.pt").read_bytes()
    shutil.rmtree(folder)
    shutil.copytree(whole, folder)
    (folder / "state.pt").write_bytes(state)
    (folder / "log.jsonl").write_text((folder / "log.jsonl").read_text() + '{"epoch": 4, "lr"')
    assert training.run(tones, folder, tiny(), limits=CPU).finished
    _assert_same(folder, whole)


def test_a_finished_training_stays_as_it_is(tones: Path, tiny: Tiny, whole: Path) -> None:
    """Asked for again it changes no file, and reports the same."""
    before = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    report = training.run(tones, whole, tiny(), limits=CPU)
    assert report.finished
    assert report.test_clips == 20
    assert {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()} == before


def test_the_best_is_never_overwritten_by_a_worse_one(
    tones: Path, tiny: Tiny, whole: Path, tmp_path: Path
) -> None:
    """A network that says it is right on every clip outlives all epochs that are not."""
    folder = tmp_path / "r1"
    training.run(tones, folder, tiny(), limits=Limits(device="cpu", max_minutes=0))
    best = torch.load(whole / "chkpnt.pt") | {"epoch": 77, "val_accuracy": 1.0, "val_loss": 0.0}
    torch.save(best, folder / "chkpnt.pt")
    kept = (folder / "chkpnt.pt").read_bytes()
    report = training.run(tones, folder, tiny(), limits=CPU)
    assert (folder / "chkpnt.pt").read_bytes() == kept
    assert (report.best_epoch, report.val_accuracy) == (77, 1.0)


def test_the_best_is_the_best_of_the_log(whole: Path) -> None:
    """What is kept is the epoch that the log marks last, and no other had a better score."""
    log, best = _log(whole), torch.load(whole / "chkpnt.pt")
    assert [line["epoch"] for line in log] == [1, 2, 3]
    assert best["epoch"] == [line["epoch"] for line in log if line["best"]][-1]
    assert (best["val_accuracy"], -best["val_loss"]) == max(
        (line["val_accuracy"], -line["val_loss"]) for line in log
    )


def test_going_on_otherwise_is_refused(tones: Path, tiny: Tiny, whole: Path, tmp_path: Path) -> None:
    """Other settings, another data set, a foreign checkpoint, a damaged state: by name, and nothing is touched."""
    with pytest.raises(UsageError, match=r"max_lr was 0\.005, is 0\.004 now"):
        training.run(tones, whole, tiny(max_lr=4e-3), limits=CPU)
    data = tmp_path / "data"
    shutil.copytree(tones, data)
    (data / "manifest.json").write_text((tones / "manifest.json").read_text() + "\n")
    with pytest.raises(UsageError, match="the data set changed"):
        training.run(data, whole, tiny(), limits=CPU)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "chkpnt.pt").write_bytes(b"theirs")
    with pytest.raises(UsageError, match="was not made by a training here"):
        training.run(tones, foreign, tiny(), limits=CPU)
    assert (foreign / "chkpnt.pt").read_bytes() == b"theirs"
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "state.pt").write_bytes(b"no state")
    with pytest.raises(ModelError, match=r"state\.pt: damaged"):
        training.run(tones, damaged, tiny(), limits=CPU)
