"""What a running command tells other processes: as it goes on, when it ends, and when it is killed."""

from __future__ import annotations

import dataclasses
import json
import signal
import time
from pathlib import Path

import pytest

from board_runner.errors import InputError
from deployer.events import Advanced, Finished, Started, Warned
from deployer.under_way import process, record
from deployer.under_way.reading import FOLDER, read
from deployer.under_way.telling import EVERY_S, Teller
from tests.serving.conftest import Lab, until


def _files(state_dir: Path) -> list[Path]:
    folder = state_dir / FOLDER
    return sorted(folder.iterdir()) if folder.exists() else []


def test_a_bench_under_way_is_seen_by_another_process_and_leaves_nothing(lab: Lab) -> None:
    """Board, runs, failures and median while it runs; after its end no file and no folder."""
    lab.flag("step")
    lab.flag("ill")
    bench = lab.start("bench", "--runs", "60", "--board", "desk")
    seen = lab.told(lambda one: bool(one.told.tasks[0].failed and one.told.tasks[0].per_s))

    told, task = seen.told, seen.told.tasks[0]
    assert ("running", "bench", "eat", bench.process.pid) == (
        seen.state,
        told.command,
        told.model,
        told.process.pid,
    )
    assert ("desk", "bench", "runs", 121, 7.5) == (
        task.board,
        task.step,
        task.unit,
        task.total,
        task.median_ms,
    )
    assert task.failed is not None and 0 < task.failed < task.done < 121
    assert 0 < (seen.left_s(task) or 0) < 3600
    assert task.warnings >= task.failed and "b.wav" in task.last_warning

    assert 130 == bench.end(signal.SIGINT)
    assert [] == _files(lab.state_dir)
    assert not (lab.state_dir / FOLDER).exists()


def test_a_killed_bench_is_gone_and_never_said_to_run(lab: Lab) -> None:
    """SIGKILL leaves its file: it is read as gone, also where its number is another process's by now."""
    bench = lab.start("bench", "--runs", "60")
    told = lab.told(lambda one: one.told.tasks[0].step == "bench").told
    bench.end(signal.SIGKILL)

    (seen,) = read(lab.state_dir)
    assert ("gone", None) == (seen.state, seen.left_s(seen.told.tasks[0]))
    path = lab.state_dir / FOLDER / f"{told.id}.json"
    mine = dataclasses.replace(told.process, pid=process.this_one().pid)  # begun at another time
    path.write_bytes(record.as_json(dataclasses.replace(told, process=mine)))
    assert ["gone"] == [one.state for one in read(lab.state_dir)]


def test_of_another_machine_nothing_is_claimed(tmp_path: Path) -> None:
    """A shared folder: whether a process of another host runs, only its own words tell."""
    teller = Teller(tmp_path, command="bench", model="eat")
    teller.take(Started(step="bench", total=2, unit="runs"))
    (seen,) = read(tmp_path)
    there = dataclasses.replace(seen.told.process, host="another.example")
    old = dataclasses.replace(seen.told, process=there, told_s=time.time() - 3600)
    next((tmp_path / FOLDER).glob("*.json")).write_bytes(record.as_json(old))

    (seen,) = read(tmp_path)
    assert ("elsewhere", True) == (seen.state, seen.is_silent)
    assert seen.silent_s == pytest.approx(3600, abs=60)


def test_each_board_of_many_has_a_task_of_its_own(tmp_path: Path) -> None:
    """And is found by its name; how a board that is through fared stays."""
    teller = Teller(tmp_path, command="bench", model="eat")
    for board in ("a", "b"):
        teller.begin(board)
        teller.take(Started(step="bench", total=4, unit="runs"), board=board)
    teller.take(Advanced(step="bench", done=3, total=4), board="a")
    teller.end("a", "failed", "the board rebooted")
    teller.take(Started(step="push", total=9, unit="B"), board="b")

    (seen,) = read(tmp_path, board="b")
    assert [("a", "failed", "the board rebooted"), ("b", "running", "")] == [
        (task.board, task.state, task.note) for task in seen.told.tasks
    ]
    assert [] == read(tmp_path, board="c")
    teller.close()
    teller.take(Started(step="push", total=9, unit="B"), board="b")
    assert [] == read(tmp_path)


def test_telling_costs_little_however_many_events_come(tmp_path: Path) -> None:
    """Ten thousand steps in a row are a handful of files written, and the last word before a pause is not lost."""
    teller = Teller(tmp_path, command="eval", model="eat")
    teller.take(Started(step="onnx", total=10_000, unit="clips"))
    written = set()
    started = time.monotonic()
    for done in range(1, 10_001):
        teller.take(Advanced(step="onnx", done=done, total=10_000, note="clips"))
        if done % 100 == 0:
            written.add(read(tmp_path)[0].told.told_s)
    took_s = time.monotonic() - started

    assert len(written) <= 2 + took_s / EVERY_S
    teller.take(Started(step="fixed", total=10, unit="clips"))
    assert "fixed" == read(tmp_path)[0].told.tasks[0].step


def test_a_command_that_finds_nothing_to_do_tells_nothing(tmp_path: Path) -> None:
    """A push of what is there already writes no file, and no command makes a project's folder for this."""
    teller = Teller(tmp_path, command="push", model="eat")
    teller.take(Started(step="push", total=0, unit="B"))
    teller.take(Finished(step="push", note="nothing sent"))
    assert [] == list(tmp_path.iterdir())

    homeless = Teller(tmp_path / "none", command="bench", model="eat")
    homeless.take(Started(step="bench", total=1))
    homeless.take(Warned(step="bench", message="x"))
    homeless.close()
    assert [] == list(tmp_path.iterdir())


def test_a_state_folder_that_comes_late_is_told_into(tmp_path: Path) -> None:
    """The first bench of a project makes its folder only when it keeps something."""
    teller = Teller(tmp_path / ".deploy", command="bench", model="eat")
    teller.take(Started(step="convert", total=3))
    (tmp_path / ".deploy").mkdir()

    def told() -> bool:
        teller.take(Advanced(step="convert", done=1, total=3))
        return bool(read(tmp_path / ".deploy"))

    assert until(told)


def test_what_is_no_word_of_ours_is_left_out(tmp_path: Path) -> None:
    """Half a file, a copy, another version's and another program's: not shown, not touched, no error."""
    teller = Teller(tmp_path, command="bench", model="eat")
    teller.take(Started(step="bench", total=2))
    good = next((tmp_path / FOLDER).glob("*.json"))
    text = good.read_bytes()
    (tmp_path / FOLDER / "half.json").write_bytes(text[:40])
    (tmp_path / FOLDER / "other.json").write_bytes(b"[1]")
    (tmp_path / FOLDER / "copy.json").write_bytes(text)
    newer = json.loads(text) | {"version": record.VERSION + 1}
    (tmp_path / FOLDER / "newer.json").write_text(json.dumps(newer))

    assert 1 == len(read(tmp_path))
    assert 5 == len(_files(tmp_path))
    with pytest.raises(InputError, match="half"):
        record.of_json(text[:40], place="half")


def test_what_was_left_long_ago_is_swept_by_the_next_command(tmp_path: Path) -> None:
    """A file of a dead process is kept for a day to be seen, and no longer."""
    teller = Teller(tmp_path, command="bench", model="eat")
    teller.take(Started(step="bench", total=2))
    (path,) = _files(tmp_path)
    told = record.of_json(path.read_bytes(), place="")
    dead = dataclasses.replace(told.process, started_ticks=1)
    for name, age_s in (("new", 3600), ("old", 25 * 3600)):
        left = dataclasses.replace(told, id=name, process=dead, told_s=time.time() - age_s)
        (tmp_path / FOLDER / f"{name}.json").write_bytes(record.as_json(left))
    Teller(tmp_path, command="push", model="eat").take(Started(step="push", total=1))

    assert {"new.json", path.name} < {each.name for each in _files(tmp_path)}
    assert "old.json" not in {each.name for each in _files(tmp_path)}
