"""Many simulated boards at once, one of them unreachable, one of them silent."""

from __future__ import annotations

import _thread
import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.events import Emit, Event
from deployer.fleet import jobs
from deployer.fleet.jobs import Command
from deployer.fleet.outcome import Outcome, State
from deployer.fleet.runner import Began, run_fleet
from deployer.push import BoardFile, PushReport, push
from tests.boards.rig import wait_until
from tests.boards.servers import free_port
from tests.fleet.rack import rack, silent
from tests.processes import sleeping


def test_sixteen_boards_get_their_files_though_one_is_dead_and_one_silent(tmp_path: Path) -> None:
    """Each failure is its board's own, in its own words; a board that hangs holds up no other."""
    source = tmp_path / "model"
    source.write_bytes(bytes(range(256)) * 400)
    file = BoardFile(source=source, name=PurePosixPath("models/eat.img"))
    ended: dict[str, float] = {}

    def job(config: BoardConfig, emit: Emit) -> PushReport:
        with SshBoard(config, emit=emit) as board:
            return push(board, [file], config.directory, emit=emit)

    def sink(board: str, event: Event | Began | Outcome[Any]) -> None:
        if isinstance(event, Outcome):
            ended[board] = time.monotonic()

    with rack(14) as places, silent() as mute:
        dead = BoardConfig(name="dead", host="127.0.0.1", own_port=free_port())
        configs = [mute, dead, *(place.config for place in places)]
        started = time.monotonic()
        result = run_fleet(configs, job, emit=sink)
        arrived = [(place.current / "models/eat.img").read_bytes() for place in places]

    states = {outcome.board: outcome.state for outcome in result.outcomes}
    assert {"silent", "dead"} == {name for name, state in states.items() if state is State.FAILED}
    assert [source.read_bytes()] * 14 == arrived
    troubles = {o.board: o.trouble.message for o in result.outcomes if o.trouble is not None}
    assert "connection refused" in troubles["dead"]
    assert "no SSH greeting" in troubles["silent"]
    assert 4 == result.exit_code
    # The silent one ended at its own deadline; the others did not wait for it.
    slowest = max(at for name, at in ended.items() if name != "silent") - started
    assert slowest < ended["silent"] - started


def test_an_interrupt_leaves_nothing_running_on_any_board() -> None:
    """The commands under way are stopped on their boards before the result is given."""
    command = Command(argv=("sleep", "97.5"), timeout_s=90)

    with rack(3) as places:
        threading.Thread(target=_interrupt_when, args=(lambda: len(sleeping("97.5")) >= 3,)).start()
        result = run_fleet(
            [place.config for place in places], lambda config, emit: jobs.run_command(command, config, emit)
        )
        left = sleeping("97.5")

    assert (True, 130) == (result.interrupted, result.exit_code)
    assert [State.INTERRUPTED] * 3 == [outcome.state for outcome in result.outcomes]
    assert [] == left


def _interrupt_when(true: Callable[[], bool]) -> None:
    with contextlib.suppress(AssertionError):  # too late is an interrupt too, and the test says what is wrong
        wait_until(true)
    _thread.interrupt_main()
