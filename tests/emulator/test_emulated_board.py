"""Emulated boards as a whole: booted, asked, filled, cut off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from board_runner.emulator.board import EmulatedBoard, EmulatedBoardConfig
from board_runner.emulator.errors import EmulatorError
from board_runner.emulator.machine import MACHINES
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.errors import BoardUnreachable
from tests.boards.servers import free_port
from tests.emulator.conftest import Boards, lacking, reach, upload

CUSTOMER = PurePosixPath("/customer")
SAID_MACHINES = {"aarch64": "aarch64", "arm": "armv7l"}


@pytest.fixture(params=list(MACHINES))
def emulated(request: pytest.FixtureRequest, emulated_boards: Boards) -> EmulatedBoard:
    """The running board of either kind."""
    return emulated_boards(request.param)


def test_it_is_a_board_of_the_field(emulated: EmulatedBoard) -> None:
    """Machine, chip, kernel, flash, clock and read-only root are what the configuration promises."""
    with reach(emulated) as board:
        facts = board.facts(CUSTOMER)
        touched = board.run(["touch", "/etc/a"], timeout_s=20)
        mounted = board.run(["cat", "/proc/mounts"], timeout_s=20).stdout.decode()
        flash_kib = int(board.run(["df", "-k", "/customer"], timeout_s=20).stdout.split()[-5])
        assert board.sftp() is None
    assert facts.machine == SAID_MACHINES[emulated.config.arch]
    assert facts.chip == "pcupid"
    assert facts.kernel == emulated.kernel_release
    assert facts.free_kib is not None and facts.free_kib <= emulated.config.flash_kib
    assert abs(flash_kib - emulated.config.flash_kib) < emulated.config.flash_kib / 50
    assert facts.clock_epoch_s is not None and 10 <= facts.clock_epoch_s < 3600
    assert (
        facts.memory_available_kib is not None
        and facts.memory_available_kib < emulated.config.memory_mib * 1024
    )
    assert touched.exit_status == 1
    assert b"Read-only file system" in touched.stderr
    assert "/dev/vda /customer ext4 rw," in mounted


def test_no_packet_leaves_it(emulated: EmulatedBoard) -> None:
    """The board reaches neither this machine nor anything behind it."""
    with reach(emulated) as board:
        connect = "timeout 2 nc 10.0.2.2 $1 </dev/null || exit 3"
        done = board.script(connect, str(emulated.port), timeout_s=30)
    assert done.exit_status == 3


def test_its_own_machine_code_runs(emulated: EmulatedBoard) -> None:
    """The shell of the board is ELF of the machine that `uname -m` names."""
    machine = {"aarch64": 183, "arm": 40}[emulated.config.arch]
    with reach(emulated) as board:
        head = board.run(["head", "-c", "20", "/bin/sh"], timeout_s=20).stdout
    assert (head[:4], int.from_bytes(head[18:20], "little")) == (b"\x7fELF", machine)


def test_the_flash_fills_up(emulated: EmulatedBoard, tmp_path: Path) -> None:
    """A file larger than /customer does not fit, and the room is there again afterwards."""
    with reach(emulated) as board:
        before = board.facts(CUSTOMER).free_kib
        fill = 'dd if=/dev/zero of="$1" bs=1M count=17; echo $?; rm "$1"; sync'
        done = board.script(fill, "/customer/big", timeout_s=60)
        after = board.facts(CUSTOMER).free_kib
    assert done.stdout == b"1\n"
    assert b"No space left on device" in done.stderr
    assert after == before


def test_a_power_cut_keeps_what_was_synced(emulated: EmulatedBoard, tmp_path: Path) -> None:
    """After a kill and a restart the synced file is whole, the unsynced one is not there, the key the same."""
    content = os.urandom(1 << 20)
    source = tmp_path / "source"
    source.write_bytes(content)
    boots = emulated.console_log.read_text().count("BOARD UP")
    with reach(emulated) as board:
        board.push([upload(source, CUSTOMER / "kept")])
        assert board.script("sync; echo lost > /customer/lost", timeout_s=30).exit_status == 0
        emulated.power_cut()
        with pytest.raises(BoardUnreachable):
            board.run(["true"], timeout_s=20)
    emulated.restart()
    with reach(emulated) as board:
        board.pull(CUSTOMER / "kept", tmp_path / "back")
        listed = board.run(["ls", "/customer"], timeout_s=20).stdout.split()
    assert (tmp_path / "back").read_bytes() == content
    assert b"lost" not in listed
    assert emulated.console_log.read_text().count("BOARD UP") == boots + 1


def test_a_board_switches_itself_off(emulated_boards: Boards) -> None:
    """After `poweroff` no power is on and the disk is whole without a sync; a restart brings it back."""
    emulated = emulated_boards("aarch64")
    with reach(emulated) as board:
        board.script("echo kept >/customer/off; poweroff", timeout_s=20)
    for _ in range(400):
        if emulated.pid is None:
            break
        time.sleep(0.05)
    assert emulated.pid is None
    emulated.start()
    with reach(emulated) as board:
        assert board.run(["cat", "/customer/off"], timeout_s=20).stdout == b"kept\n"


def test_a_pulled_cable_is_a_board_that_does_not_answer(emulated: EmulatedBoard) -> None:
    """Without the cable nothing comes back; with it again the board does, without a restart."""
    config = BoardConfig(name="emulated", host=emulated.host, own_port=emulated.port, connect_timeout_s=2)
    emulated.cable(plugged=False)
    try:
        with pytest.raises(BoardUnreachable):
            SshBoard(config).connect()
    finally:
        emulated.cable(plugged=True)
    with reach(emulated) as board:
        assert board.run(["true"], timeout_s=20).exit_status == 0


def test_a_board_that_is_off_says_so() -> None:
    """Cutting a board that was never on is harmless; its console and cable cannot be had."""
    board = EmulatedBoard(EmulatedBoardConfig())
    board.power_cut()
    board.stop()
    for ask in (lambda: board.console_log, lambda: board.cable(plugged=True)):
        with pytest.raises(EmulatorError):
            ask()


@pytest.mark.usefixtures("packages")
def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """A port that somebody listens on is refused by its number."""
    import socket

    if reason := lacking("aarch64"):
        pytest.skip(reason)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        board = EmulatedBoard(EmulatedBoardConfig(port=port, folder=tmp_path))
        with board, pytest.raises(EmulatorError, match=f"port {port} .* taken"):
            board.start()


@pytest.mark.usefixtures("packages")
def test_the_command_runs_a_board_until_told(tmp_path: Path) -> None:
    """`deploy board emulate --json` says how to reach its board; SIGINT ends both; the folder stays."""
    if reason := lacking("aarch64"):
        pytest.skip(reason)
    port = free_port()
    words = ["board", "emulate", "--json", "--port", str(port), "--folder", str(tmp_path / "one")]
    command = subprocess.Popen([sys.executable, "-m", "deployer", *words], stdout=subprocess.PIPE, text=True)
    assert command.stdout is not None
    try:
        said = _first_json(command)
        with SshBoard(BoardConfig(name="one", host=said["host"], own_port=said["port"])) as board:
            assert board.run(["uname", "-m"], timeout_s=20).stdout == b"aarch64\n"
    finally:
        command.send_signal(signal.SIGINT)
        assert command.wait(20) == 0
        command.stdout.close()
    assert said["port"] == port
    assert _gone(said["pid"])
    assert {"customer.ext4", "host_key", "console.log"} <= {
        path.name for path in (tmp_path / "one").iterdir()
    }


@pytest.mark.usefixtures("packages")
def test_a_dry_run_says_what_would_be_fetched(tmp_path: Path) -> None:
    """With an empty cache every package is named and none is fetched."""
    cache = tmp_path / "cache"
    words = ["board", "emulate", "--arch", "arm", "--json", "--dry-run"]
    env = {**os.environ, "DEPLOY_EMULATOR_CACHE": str(cache)}
    done = subprocess.run(
        [sys.executable, "-m", "deployer", *words], capture_output=True, text=True, env=env, check=True
    )
    wanted = json.loads(done.stdout)["would_fetch"]
    assert {"busybox:armhf", "dropbear-bin:armhf", "linux-image-armmp:armhf"} <= set(wanted)
    assert not list(tmp_path.rglob("*.deb"))


def _first_json(command: subprocess.Popen[str]) -> dict[str, Any]:
    text = ""
    assert command.stdout is not None
    for line in command.stdout:
        text += line
        if line == "}\n":
            value: dict[str, Any] = json.loads(text)
            return value
    raise AssertionError(f"the command ended after {text!r}")


def _gone(pid: int) -> bool:
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.05)
    return False
