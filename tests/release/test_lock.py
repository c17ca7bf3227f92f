"""The lock on a board: one at a time, an owner with a name and an age, and never broken in silence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployer import at_work
from deployer.board.config import as_data
from deployer.errors import BoardBusy
from deployer.events import Event, Warned, ignore
from deployer.push import push
from deployer.release import keeping, lock
from tests.boards.conftest import MakeFile
from tests.boards.servers import Place

_HOLD = """
import json, sys, time
from pathlib import Path
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.release import lock
from toolchain_wrappers import intake
config = intake.record(BoardConfig, json.loads(Path(sys.argv[1]).read_text()))
with SshBoard(config) as board, lock.held(board, config.directory, "deploy bench", emit=lambda e: None):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_held_board_is_refused_with_owner_and_age(
    place: Place, make_file: MakeFile, tmp_path: Path
) -> None:
    """Another process's lock is named with its purpose, user and process; when that is killed, it is taken over."""
    (tmp_path / "config.json").write_text(json.dumps(as_data(place.config)))
    other = subprocess.Popen(
        [sys.executable, "-c", _HOLD, tmp_path / "config.json"], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    with other.stdout, place.board() as board:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(
            BoardBusy, match=rf"in use for \d+ s: deploy bench by .*process {other.pid}\)"
        ) as e:
            push(board, [make_file("a", b"1")], place.config.directory)
        assert "--break" in e.value.hint
        words = keeping.status(board).lock
        assert words is not None
        assert "stale" not in words

        other.kill()
        other.wait()
        assert "stale: process" in str(keeping.status(board).lock)
        events: list[Event] = []
        push(board, [make_file("a", b"1")], place.config.directory, emit=events.append)

    assert any(f"process {other.pid} of this machine" in e.message for e in events if isinstance(e, Warned))
    assert (place.current / "a").read_bytes() == b"1"
    assert not os.path.lexists(place.files / "lock")


def test_a_stranger_s_lock_is_never_broken_by_itself(sim: Place, make_file: MakeFile) -> None:
    """Another machine's lock stays until the operator breaks it."""
    sim.files.mkdir(parents=True)
    assert sim.sim is not None
    boot_id = (sim.sim.root / "proc/sys/kernel/random/boot_id").read_text().strip()
    (sim.files / "lock").symlink_to(f"far-away|ann|7|123|deploy%20push|abc|{boot_id}|1.5")
    with sim.board() as board:
        with pytest.raises(BoardBusy, match=r"deploy push by ann on far-away \(process 7\)"):
            push(board, [make_file("a", b"1")], sim.config.directory)
        held = lock.read(board, sim.config.directory)
        lock.break_lock(board, sim.config.directory)
        assert lock.read(board, sim.config.directory) is None
        push(board, [make_file("a", b"1")], sim.config.directory)

    assert held is not None
    assert (held.machine, held.user, held.pid, held.purpose) == ("far-away", "ann", 7, "deploy push")


def test_a_lock_from_before_the_board_s_restart_is_taken_over(sim: Place, make_file: MakeFile) -> None:
    """After a restart of the board nobody can be at work under an old lock; it is said."""
    sim.files.mkdir(parents=True)
    (sim.files / "lock").symlink_to("far-away|ann|7|123|deploy%20push|abc|another-boot|1.5")
    events: list[Event] = []
    with sim.board() as board:
        push(board, [make_file("a", b"1")], sim.config.directory, emit=events.append)

    assert any("restarted since" in e.message for e in events if isinstance(e, Warned))


def test_a_lock_of_unknown_words_is_respected(sim: Place) -> None:
    """Whatever stands in the lock, it is somebody's."""
    sim.files.mkdir(parents=True)
    (sim.files / "lock").symlink_to("what is this")
    with (
        sim.board() as board,
        pytest.raises(BoardBusy, match="someone unknown"),
        lock.held(board, sim.config.directory, "test", emit=ignore),
    ):
        pass


def test_the_lock_goes_with_the_work(sim: Place, make_file: MakeFile) -> None:
    """Failure or not, the board is free afterwards; and an unchanged push needs no lock at all."""
    with sim.board() as board:
        push(board, [make_file("a", b"1")], sim.config.directory)
        (sim.files / "lock").symlink_to("far-away|ann|7|123|deploy%20push|abc||")
        assert push(board, [make_file("a", b"1")], sim.config.directory).sent == ()
        (sim.files / "lock").unlink()
        with pytest.raises(ZeroDivisionError), lock.held(board, sim.config.directory, "test", emit=ignore):
            _ = 1 / 0
        assert lock.read(board, sim.config.directory) is None


def test_a_board_at_work_is_not_benched_too(sim: Place, make_file: MakeFile) -> None:
    """Two benches at once would time each other: while one works, another's work is refused."""
    with sim.board() as board, at_work.working(board, "deploy bench", emit=ignore):
        held = lock.read(board, sim.config.directory)
        assert held is not None
        with (
            sim.board() as other,
            pytest.raises(BoardBusy, match="deploy bench by"),
            at_work.working(other, "deploy bench", emit=ignore),
        ):
            pass
