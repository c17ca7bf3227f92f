"""A bad way to the board: cut, spoilt, slow. The board keeps a whole release; the next push completes."""

from __future__ import annotations

import os
import time
from pathlib import Path, PurePosixPath

import pytest

from deployer.push import BoardFile
from tests.boards.rig import RIGS, Rig, content, on_rigs, wait_until

STAGES = [0.0, 0.12, 0.25, 0.37, 0.5, 0.62, 0.75, 0.85, 0.92, 1.0]


def _clean_push(rig: Rig, folder: Path) -> tuple[list[int], list[int]]:
    """Push a first release; the bytes after each piece that went to the board, and that came from it."""
    rig.wire.heal()
    rig.pushed(rig.release(folder))
    wait_until(lambda: rig.wire.idle)
    return list(rig.wire.to_board.boundaries), list(rig.wire.from_board.boundaries)


@on_rigs(STAGES, few=[0.0, 0.25, 0.62, 0.92])
def test_a_cut_at_any_stage_leaves_a_whole_release(rig: Rig, at: float, tmp_path: Path) -> None:
    """From the greeting to the last word: exit 4 in words, the old release or the new one, then all is well."""
    sent, _ = _clean_push(rig, tmp_path / "old")
    old, files = rig.place.content(), rig.release(tmp_path / "new")
    rig.wire.to_board.reset()
    rig.wire.to_board.cut_after_bytes = sent[int(at * (len(sent) - 1))]
    outcome = rig.push(files)

    if at < 0.7:
        assert outcome.exit_code == 4 and rig.place.content() == old, outcome
    if outcome.exit_code:
        _tells_of_a_lost_connection(rig, outcome.message, outcome.hint)
        assert rig.place.content() in (old, content(files))
    else:
        assert rig.place.content() == content(files)
    rig.wire.heal()
    rig.pushed(files)


@on_rigs([0.3, 0.6, 0.9, 1.0], few=[0.6])
def test_a_lost_answer_leaves_a_whole_release(rig: Rig, at: float, tmp_path: Path) -> None:
    """The board has done it but cannot say so: exit 4, a whole release, and the next push completes."""
    _, answered = _clean_push(rig, tmp_path / "old")
    old, files = rig.place.content(), rig.release(tmp_path / "new")
    rig.wire.from_board.reset()
    rig.wire.from_board.cut_after_bytes = answered[int(at * (len(answered) - 1))] - 1
    outcome = rig.push(files)

    assert rig.place.content() in (old, content(files))
    assert outcome.exit_code == 4 or (at == 1.0 and outcome.exit_code == 0), outcome
    rig.wire.heal()
    rig.pushed(files)


@pytest.mark.parametrize("rig", [*RIGS], indirect=True)
@pytest.mark.parametrize("to_board", [True, False], ids=["to-board", "from-board"])
def test_a_spoilt_byte_never_becomes_content(rig: Rig, to_board: bool, tmp_path: Path) -> None:
    """SSH notices one flipped bit below it: exit 4, the old release stays, the next push completes."""
    _, answered = _clean_push(rig, tmp_path / "old")
    old, files = rig.place.content(), rig.release(tmp_path / "new")
    rig.wire.heal()
    if to_board:
        rig.wire.to_board.corrupt_at_byte = 60_000
    else:
        rig.wire.from_board.corrupt_at_byte = answered[len(answered) * 2 // 3]
    outcome = rig.push(files)

    assert (outcome.exit_code, rig.place.content()) == (4, old), outcome
    _tells_of_a_lost_connection(rig, outcome.message, outcome.hint)
    assert rig.wire.to_board.corrupt_at_byte is None is rig.wire.from_board.corrupt_at_byte
    rig.wire.heal()
    rig.pushed(files)


def test_a_delay_of_100_ms_is_only_slow(rig: Rig, tmp_path: Path) -> None:
    """A push over a round trip of 100 ms completes, byte for byte."""
    rig.wire.delay_s = 0.05
    rig.pushed(rig.release(tmp_path / "new", size_bytes=60_000))


def test_250_kilobytes_a_second_are_only_slow(rig: Rig, tmp_path: Path) -> None:
    """A push over a slow wire completes, at the wire's speed."""
    rig.wire.rate_bytes_per_s = 250_000
    started = time.monotonic()
    rig.pushed(rig.release(tmp_path / "new", size_bytes=250_000))

    assert time.monotonic() - started > 0.9


def test_two_packets_lost_of_a_hundred_are_only_slow(rig: Rig, tmp_path: Path) -> None:
    """TCP mends what is lost; the push completes."""
    rig.network.lose(2)
    rig.pushed(rig.release(tmp_path / "new"))


@on_rigs([0.1, 0.9], few=[0.9])
def test_a_cable_out_for_a_second_is_only_slow(rig: Rig, at: float, tmp_path: Path) -> None:
    """A push during which the board's link goes down and comes up again completes."""
    rig.pushed(rig.release(tmp_path / "old"))
    files = rig.release(tmp_path / "new")
    job = rig.held_push(files, at)
    rig.network.cable(up=False)
    rig.wire.stalled = False
    time.sleep(1.0)
    rig.network.cable(up=True)
    outcome = job.wait()

    assert (outcome.exit_code, rig.place.content()) == (0, content(files)), outcome


@pytest.mark.parametrize("rig", ["dropbear"], indirect=True)
def test_a_cable_that_stays_out_is_told_in_time(rig: Rig, tmp_path: Path) -> None:
    """Straight over the network, without a relay: the loss is noticed within half a minute, and named."""
    rig.pushed(rig.release(tmp_path / "old"))
    old, files = rig.place.content(), rig.release(tmp_path / "new", size_bytes=8_000_000)
    started = time.monotonic()
    job = rig.client.start(rig.place.config, files)
    wait_until(lambda: _arrived(rig) > 1_000_000)
    rig.network.cable(up=False)
    outcome = job.wait()

    assert (outcome.exit_code, rig.place.content()) == (4, old), outcome
    assert time.monotonic() - started < 40
    assert rig.place.config.address in outcome.message and outcome.hint
    rig.network.cable(up=True)
    rig.pushed(files)


def test_a_cut_file_is_gone_on_with_beside_larger_ones(rig: Rig, tmp_path: Path) -> None:
    """What one channel left half done is continued when the next uses several, and nothing beside it is missed."""
    files = rig.release(tmp_path / "new", size_bytes=200_000)
    job = rig.held_push(files, 0.85)
    job.kill()
    job.wait()
    rig.wire.stalled = False
    rig.idle()
    larger = tmp_path / "larger"
    larger.write_bytes(os.urandom(900_000))

    rig.pushed([*files, BoardFile(source=larger, name=PurePosixPath("models/larger.img"))])


def _arrived(rig: Rig) -> int:
    """How much of anything lies on the board."""
    return sum(len(x) for x in rig.place.tree().values() if isinstance(x, bytes))


def _tells_of_a_lost_connection(rig: Rig, message: str, hint: str) -> None:
    assert rig.config.address in message and hint
    assert "connection was lost" in message or "not an SSH server" in message or "log-in" in message, message
