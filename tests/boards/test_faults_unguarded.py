"""One byte spoilt where no checksum is looked at yet: the board is unreachable, at once and without a traceback."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.board.ssh import SshBoard
from deployer.errors import BoardUnreachable
from tests.boards.rig import wait_until
from tests.boards.servers import Place, openssh, simulated, sshd_missing
from tests.boards.wire import Wire

EVERY_BYTES = 23  # no divisor of a field's size: names, lengths, keys and signatures are all met


@pytest.fixture(params=["simulated", "openssh"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A board that answers on loopback."""
    if request.param == "simulated":
        with simulated() as running:
            yield running
        return
    if reason := sshd_missing():
        pytest.skip(reason)
    (tmp_path / "sshd").mkdir()
    with openssh(tmp_path / "sshd", sftp=True) as running:
        yield running


def test_a_spoilt_greeting_is_a_board_that_cannot_be_reached(server: Place) -> None:
    """Before encryption no checksum guards a byte: what is read wrongly there is told as a lost board."""
    with Wire(server.config.host, server.config.port) as wire:
        config = server.config.replace(host=wire.host, own_port=wire.port, host_key="off")
        config = config.replace(client="paramiko", connect_timeout_s=1.5)
        with SshBoard(config):
            answered_bytes = wire.from_board.passed_bytes
        refused = 0
        for position in range(0, answered_bytes, EVERY_BYTES):
            wait_until(lambda: wire.idle)
            wire.heal()
            wire.from_board.corrupt_at_byte = position
            try:
                with SshBoard(config) as board:
                    board.run(["true"], timeout_s=3.0)  # padding and cookies may be anything
            except BoardUnreachable as e:
                assert config.address in str(e) and e.hint
                refused += 1
    assert refused > 0.5 * answered_bytes / EVERY_BYTES


def test_a_spoilt_length_is_not_waited_for(server: Place) -> None:
    """The first byte of a packet is its length: a quarter of a gigabyte that never comes is no reason to wait."""
    with Wire(server.config.host, server.config.port) as wire:
        config = server.config.replace(host=wire.host, own_port=wire.port, host_key="off")
        with SshBoard(config.replace(client="paramiko")) as board:
            board.run(["true"], timeout_s=20)
            time.sleep(0.2)  # what ends the channel has come too
            wire.from_board.corrupt_at_byte = wire.from_board.passed_bytes
            with pytest.raises(BoardUnreachable, match=r"connection was lost \("):
                board.run(["true"], timeout_s=20)
