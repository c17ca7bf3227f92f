"""The loop on real boards: no round trip a run, and no single run that could end the bench or be mistaken."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from deployer.bench import Bench
from deployer.board.config import as_data
from deployer.board.ssh import SshBoard
from deployer.errors import ProgramFailed
from deployer.events import ignore
from deployer.measuring.conduct import Conductor
from deployer.measuring.plan import Plan
from deployer.measuring.stream import Ran
from tests.boards.rig import wait_until
from tests.boards.servers import reboot
from tests.boards.wire import Wire
from tests.measuring import freezer
from tests.measuring.conftest import Rig, beside, finish, governor

ARRIVES_S = 1.5
"""By then this host has been told what a board did before: with its power goes what its server still holds."""

CLIENT = """
import json, sys
from deployer.bench import Bench
from deployer.board.ssh import SshBoard
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.events import ignore
from deployer.interrupts import handled
from deployer.measuring.plan import Plan
from deployer.measuring.stream import Ran
from deployer.run import Program
from tests.measuring.conftest import FOLDER
from toolchain_wrappers import intake
with handled(), SshBoard(intake.record(BoardConfig, json.loads(sys.argv[1]))) as board:
    Bench(Plan(program=Program(directory=FOLDER), clips=("wait.wav",), runs=3), emit=ignore).proceed(board)
"""


def test_a_bench_is_one_command_however_many_its_runs(rig: Rig) -> None:
    """Clips take turns, warm-up comes first and is flagged, and the whole costs one command."""
    with rig.board() as board:
        done = finish(Bench(rig.plan(["a.wav", "b c'$.wav"], 20, warm_up=3), emit=ignore), board)

    assert 1 == board.commands
    assert () == done.failures
    assert [True] * 3 + [False] * 40 == [s.warm_up for s in done.samples]
    counted = [(s.clip, s.run) for s in done.samples[3:]]
    assert [(clip, run) for run in range(1, 21) for clip in ("a.wav", "b c'$.wav")] == counted
    assert {(7.5, 0.25, 32)} == {(s.invoke_ms, s.post_process_ms, s.class_id) for s in done.samples}
    assert sorted(s.started_s or 0 for s in done.samples) == [s.started_s for s in done.samples]
    assert all(s.wall_ms is not None and s.load is not None for s in done.samples)
    assert all((s.memory_available_kib or 0) > 0 for s in done.samples)


def test_distance_costs_nothing_between_two_runs(rig: Rig) -> None:
    """Twelve times as many runs take no further word to the board: all that is sent, is sent before the first."""

    def pieces(runs: int) -> int:
        with Wire(rig.place.config.host, rig.place.config.port) as wire:
            through = {"host": wire.host, "own_port": wire.port}
            with SshBoard(rig.place.config.replace(**through)) as board:
                wire.to_board.reset()
                done = finish(Bench(rig.plan(["a.wav"], runs), emit=ignore), board)
                assert runs == len(done.samples)
                return len(wire.to_board.boundaries)

    few, many = pieces(5), pieces(60)

    assert (
        many - few <= 6
    )  # a sign of life every five seconds, and where windows are small, room for more output


def test_every_bad_run_is_a_failure_of_its_own_and_the_next_goes_on(rig: Rig) -> None:
    """Crash, silence, garbage, a hang, one deaf to TERM: each is recorded with the board after it."""
    bad = ["crash.wav", "silent.wav", "garbage.wav", "hang.wav", "deaf.wav"]
    done = rig.run([*bad, "good.wav", "source.wav", "noisy.wav"], 1)

    assert done.cut_short is None
    assert [(clip, 1) for clip in bad] == [(f.clip, f.run) for f in done.failures]
    assert ["good.wav", "source.wav", "noisy.wav"] == [s.clip for s in done.samples]
    assert all(f.board_answers and f.board_rebooted is False for f in done.failures)
    timed_out = {f.clip for f in done.failures if f.timed_out}
    assert {"hang.wav", "deaf.wav"} == timed_out
    crash, silent, garbage, hang, _ = done.failures
    assert (139, 0) == (crash.exit_status, silent.exit_status)
    assert "printed nothing" in silent.reason and "half" in hang.said
    assert "class id: 3" in garbage.said
    rig.wait_until_empty()


def test_a_reboot_is_one_runs_failure(rig: Rig) -> None:
    """A board that goes down in the middle of a run is waited for, and the next run is the next."""

    def cut_power() -> None:
        wait_until(rig.seen("/customer/waits").exists)
        time.sleep(ARRIVES_S)
        reboot(rig.place)

    with beside(cut_power):
        done = rig.run(["a.wav", "wait.wav", "b.wav"], 1, timeout_s=60.0)

    assert done.cut_short is None
    assert ["a.wav", "b.wav"] == [s.clip for s in done.samples]
    (failure,) = done.failures
    assert ("wait.wav", True, True) == (failure.clip, failure.board_answers, failure.board_rebooted)
    assert "the board rebooted" in failure.reason


def test_a_lost_connection_is_no_reboot(rig: Rig) -> None:
    """When only the connection goes, the run is lost, the program ended, and the bench goes on."""

    def hang_up() -> None:
        wait_until(rig.seen("/customer/waits").exists)
        time.sleep(ARRIVES_S)
        rig.frame.kill(sessions=True)

    with beside(hang_up):
        done = rig.run(["wait.wav", "a.wav"], 1, timeout_s=60.0)

    assert ["a.wav"] == [s.clip for s in done.samples]
    assert [("wait.wav", False)] == [(f.clip, f.board_rebooted) for f in done.failures]
    rig.wait_until_empty()


def test_what_no_signal_reaches_ends_the_bench(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that hangs in the kernel outlives TERM and KILL: the bench ends, says so, and keeps what it had."""
    if reason := freezer.missing():
        pytest.skip(reason)
    monkeypatch.setattr("deployer.measuring.conduct._SPARE_S", 0.5)
    plan = rig.plan(["a.wav", "wait.wav", "b.wav"], 1)
    under_way = Bench(replace(plan, program=replace(plan.program, timeout_s=4.0)), emit=ignore)
    with rig.board() as board, contextlib.ExitStack() as thawed_at_the_end:

        def hang() -> None:
            wait_until(rig.seen("/customer/waits").exists)
            runs = [pid for pid, words in rig.frame.processes().items() if "prog_sed_eat -i wait" in words]
            # The youngest may be one of its own that is about to become a `sleep`.
            thawed_at_the_end.enter_context(freezer.frozen(min(runs)))

        with beside(hang):
            done = finish(under_way, board)
        left = rig.left()

    assert ["a.wav"] == [s.clip for s in done.samples]
    (failure,) = done.failures
    assert ("wait.wav", True, False) == (failure.clip, failure.board_answers, failure.board_rebooted)
    assert any(words.endswith(" D") for words in failure.left)
    assert isinstance(done.cut_short, ProgramFailed) and "hangs in the kernel" in str(done.cut_short)
    assert "cut the board's power" in done.cut_short.hint
    assert any("wait.wav" in words for words in left)  # it was there to the last
    rig.wait_until_empty()


def test_the_governor_is_pinned_and_put_back(rig: Rig) -> None:
    """Each run, a failed one too, has the pinned governor; afterwards the board has its own again."""
    done = rig.run(["pinned.wav", "silent.wav", "pinned.wav"], 1)

    assert "ondemand\n" == governor(rig).read_text()
    (found,) = done.governors
    assert ("ondemand", "performance", True) == (found.was, found.now, found.pinned)
    assert 2 == len(done.samples)


def test_a_governor_that_cannot_be_pinned_is_said(rig: Rig) -> None:
    """A board that does not let us changes nothing, and the record says so."""
    rig.frame.mount("--bind", "-o", "ro", governor(rig), governor(rig))
    try:
        done = rig.run(["a.wav"], 1)
    finally:
        rig.frame.outside(["umount", governor(rig)])

    assert [("-", False)] == [(found.now, found.pinned) for found in done.governors]
    assert 1 == len(done.samples)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_whoever_ends_the_host_leaves_nothing_on_the_board(rig: Rig, number: int) -> None:
    """A host that is killed, or interrupted: the program ends, the loop ends, the governor is put back."""
    config = json.dumps(as_data(rig.place.config))
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT, config], env=dict(os.environ), stderr=subprocess.DEVNULL
    ) as client:
        wait_until(rig.seen("/customer/waits").exists)
        during = governor(rig).read_text()
        client.send_signal(number)
        client.wait(20)

    rig.wait_until_empty()
    assert ("performance\n", "ondemand\n") == (during, governor(rig).read_text())


def test_a_silent_host_ends_the_loop(rig: Rig) -> None:
    """Where the network swallows every word, the board ends program and loop, and the governor is back."""
    ended: list[Ran] = []
    with rig.board() as board:
        conductor = Conductor(board, Plan(program=rig.program, clips=("wait.wav",), runs=2), silence_s=1)
        conductor.run(0, ended.append, until_s=time.monotonic() + 1)  # more than it is told in words here

    rig.wait_until_empty()
    assert [(0, None)] == [(ran.index, ran.completed.exit_status) for ran in ended]
    assert "ondemand\n" == governor(rig).read_text()


def test_time_ends_a_bench_between_two_runs(rig: Rig) -> None:
    """With minutes instead of a number the last run is whole, and nothing is cut off."""
    under_way = Bench(rig.plan(["a.wav", "b.wav"], None), emit=ignore, minutes=1 / 120)
    with rig.board() as board:
        done = finish(under_way, board)

    assert () == done.failures and done.cut_short is None
    assert len(done.samples) >= 1 and done.samples[-1].started_s is not None
    rig.wait_until_empty()


def test_enough_is_enough(rig: Rig) -> None:
    """A bench that is told that its samples suffice begins no further run, and stops far from its limit."""
    under_way = Bench(rig.plan(["a.wav"], 5000), emit=ignore, stable=lambda counted: len(counted) >= 40)
    with rig.board() as board:
        done = finish(under_way, board)

    assert 40 <= len(done.samples) < 5000 and () == done.failures
