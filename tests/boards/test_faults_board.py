"""A board or an operator that dies in mid-push: a whole release stays, and the next push completes."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path, PurePosixPath

import pytest

from deployer.board import ssh
from deployer.errors import BoardBusy, BoardUnreachable
from deployer.events import Advanced, Event
from deployer.push import push
from tests.boards.conftest import MakeFile
from tests.boards.rig import RIGS, Rig, content, on_rigs, wait_until
from tests.boards.servers import CLOCK_1970, kind_missing, real

STAGES = [0.05, 0.4, 0.95]  # of the bytes: just logged in, in the model, nearly through


def _before(rig: Rig, folder: Path) -> dict[str, bytes]:
    rig.pushed(rig.release(folder))
    return rig.place.content()


@on_rigs(STAGES, few=[0.4])
def test_a_killed_session_is_a_lost_connection(rig: Rig, at: float, tmp_path: Path) -> None:
    """The server's process for this connection dies: exit 4 with address and cure, the old release stays."""
    old, files = _before(rig, tmp_path / "old"), rig.release(tmp_path / "new")
    job = rig.held_push(files, at)
    assert rig.frame.kill(sessions=True)
    rig.wire.stalled = False
    outcome = job.wait()

    assert (outcome.exit_code, rig.place.content()) == (4, old), outcome
    assert f"{rig.config.address}: the connection was lost" in outcome.message and outcome.hint
    rig.pushed(files)


def test_a_dead_server_is_told_and_a_new_one_serves_on(rig: Rig, tmp_path: Path) -> None:
    """After its server has died a board refuses connections in words; with a new one the push completes."""
    old, files = _before(rig, tmp_path / "old"), rig.release(tmp_path / "new")
    job = rig.held_push(files, 0.4)
    rig.frame.off()
    rig.wire.stalled = False
    lost, refused = job.wait(), rig.client.push(rig.place.config, files)

    assert (lost.exit_code, refused.exit_code, rig.place.content()) == (4, 4, old)
    assert f"{rig.place.config.address}: connection refused" == refused.message and "sshd" in refused.hint
    rig.reboot()
    rig.pushed(files)


@on_rigs(STAGES, few=[0.4])
def test_a_reboot_in_mid_push_keeps_the_old_release(rig: Rig, at: float, tmp_path: Path) -> None:
    """All processes die at once and /tmp is empty afterwards: exit 4, the old release, no lock in the way."""
    old, files = _before(rig, tmp_path / "old"), rig.release(tmp_path / "new")
    job = rig.held_push(files, at)
    rig.reboot()
    rig.wire.stalled = False
    outcome = job.wait()

    assert (outcome.exit_code, rig.place.content()) == (4, old), outcome
    assert f"{rig.config.address}: the connection was lost" in outcome.message and "reboot" in outcome.hint
    rig.pushed(files)


def test_a_part_in_ram_that_a_reboot_took_is_sent_again(rig: Rig, tmp_path: Path) -> None:
    """What `places:` puts below /tmp is gone after a reboot; the next push notices and sends just that."""
    files = rig.release(tmp_path / "new")
    config = rig.config.replace(places={"models/*": PurePosixPath("/tmp/deploy")})
    assert rig.client.push(config, files).exit_code == 0
    assert rig.place.content() == content(files)
    rig.reboot()
    assert "models/eat.img" not in rig.place.content()
    outcome = rig.client.push(config, files)

    assert (outcome.exit_code, outcome.sent, rig.place.content()) == (0, 1, content(files)), outcome


@on_rigs(STAGES, few=[0.4])
def test_a_killed_operator_leaves_no_lock_in_the_way(rig: Rig, at: float, tmp_path: Path) -> None:
    """`deploy` itself is killed: the old release stays, and the next one takes the dead lock over, saying so."""
    old, files = _before(rig, tmp_path / "old"), rig.release(tmp_path / "new")
    job = rig.held_push(files, at)
    job.kill()
    killed = job.wait()
    rig.wire.stalled = False

    assert (killed.exit_code, rig.place.content()) == (-9, old)
    rig.pushed(files)


def test_a_second_operator_is_told_who_is_at_work(rig: Rig, tmp_path: Path) -> None:
    """While one push is under way another is refused with its owner and process, and neither spoils the other."""
    files = rig.release(tmp_path / "new")
    job = rig.held_push(files, 0.4)
    refused = rig.client.push(rig.place.config, rig.release(tmp_path / "other"))
    rig.wire.stalled = False
    outcome = job.wait()

    assert (refused.kind, refused.exit_code) == ("BoardBusy", BoardBusy.exit_code), refused
    assert f"process {job.pid}" in refused.message and "--break" in refused.hint
    assert (outcome.exit_code, rig.place.content()) == (0, content(files)), outcome


@on_rigs(STAGES, few=[0.4])
def test_an_interrupt_ends_in_order(rig: Rig, at: float, tmp_path: Path) -> None:
    """Ctrl-C: exit 130, the old release stays, the next push completes."""
    old, files = _before(rig, tmp_path / "old"), rig.release(tmp_path / "new")
    job = rig.held_push(files, at)
    job.interrupt()
    rig.wire.stalled = False
    outcome = job.wait()

    assert (outcome.exit_code, rig.place.content()) == (130, old), outcome
    rig.pushed(files)


@pytest.mark.parametrize("rig", [*RIGS], indirect=True)
@pytest.mark.parametrize("fault", ["session killed", "rebooted", "cut"])
def test_a_board_lost_during_a_run_is_no_result(rig: Rig, fault: str) -> None:
    """Whatever takes the connection away: exit 4 in words, and never an exit status."""
    job = rig.client.start(rig.config, run=["sh", "-c", "echo started; sleep 62"])
    wait_until(lambda: _running(rig))
    match fault:
        case "session killed":
            rig.frame.kill(sessions=True)
        case "rebooted":
            rig.reboot()
        case _:
            rig.wire.hang_up()
    outcome = job.wait()

    assert outcome.exit_code == 4 and outcome.stdout == "", outcome
    assert f"{rig.config.address}: the connection was lost" in outcome.message and outcome.hint


def _running(rig: Rig) -> bool:
    return any("sleep 62" in words for words in rig.frame.processes().values())


@pytest.mark.parametrize("rig", ["dropbear"], indirect=True)
def test_a_frozen_board_holds_nobody_for_long(rig: Rig) -> None:
    """The server's process is stopped and says nothing more: exit 4 after seconds, with address and cure."""
    with rig.network.inside(), rig.place.board() as board:
        board.run(["true"], timeout_s=10)
        assert rig.frame.kill(sessions=True, number=signal.SIGSTOP)
        started = time.monotonic()
        try:
            with pytest.raises(BoardUnreachable, match=re.escape(rig.place.config.address)) as caught:
                board.run(["echo", "said"], timeout_s=0.5)
        finally:
            took_s = time.monotonic() - started
            rig.frame.kill(sessions=True, number=signal.SIGCONT)

    assert caught.value.hint and took_s < 30


@pytest.mark.parametrize("rig", ["dropbear"], indirect=True)
def test_a_board_that_freezes_in_a_transfer_is_let_go(
    rig: Rig, make_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its network still answers, it takes nothing: exit 4 with that reason; thawed, the next push goes on there."""
    monkeypatch.setattr(ssh, "_STALL_S", 2.0)
    big = make_file("big", os.urandom(4 << 20))
    started = 0.0

    def freeze(event: Event) -> None:
        nonlocal started
        if isinstance(event, Advanced) and event.done > 1 << 20 and not started:
            started = time.monotonic()
            rig.frame.kill(sessions=True, number=signal.SIGSTOP)

    directory = rig.place.config.directory
    with rig.network.inside():
        try:
            with rig.place.board() as board, pytest.raises(BoardUnreachable, match="taken no data for 2 s"):
                push(board, [big], directory, emit=freeze)
            took_s = time.monotonic() - started
        finally:
            rig.frame.kill(sessions=True, number=signal.SIGCONT)
        with rig.place.board() as board:
            push(board, [big], directory)
    assert rig.place.content()["big"] == big.source.read_bytes() and took_s < 20


def test_a_clock_at_1970_is_only_told(tmp_path: Path, make_file: MakeFile) -> None:
    """A board whose clock was never set says so in its facts; its pushes are whole, and the second is unchanged."""
    if reason := kind_missing(CLOCK_1970):
        pytest.skip(reason)
    (tmp_path / "board").mkdir()
    with real(tmp_path / "board", CLOCK_1970) as place, place.board() as board:
        epoch_s = board.facts(place.config.directory).clock_epoch_s
        files = [make_file("prog", b"#!/bin/sh\n", executable=True), make_file("eat.img", b"model")]
        sent = [len(push(board, files, place.config.directory).sent) for _ in range(2)]
        files[1].source.write_bytes(b"other")
        sent.append(len(push(board, files, place.config.directory).sent))
        assert place.content() == content(files)

    assert epoch_s is not None and epoch_s < 86_400 and sent == [2, 0, 1]


def test_no_process_and_no_connection_is_left(rig: Rig, tmp_path: Path) -> None:
    """After a push the board runs what it ran before."""
    rig.pushed(rig.release(tmp_path / "old"))  # by now the server has the name that it gives itself
    rig.idle()
    before = sorted(rig.frame.processes().values())
    rig.pushed(rig.release(tmp_path / "new"))

    wait_until(lambda: sorted(rig.frame.processes().values()) == before)
