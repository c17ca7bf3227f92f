"""The simulated board keeps what it promises to its clients and to the machine it runs on."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import paramiko
import pytest
from hypothesis import given
from hypothesis import strategies as st

from board_runner.errors import UsageError
from board_runner.simboard import SimBoard, SimBoardConfig
from board_runner.simboard.nodes import host_temperature_c
from board_runner.simboard.paths import BOARD_PREFIXES, to_private
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from tests.boards.servers import Place, free_port, simulated


@pytest.mark.parametrize(
    ("command", "private"),
    [
        ("ls /customer", "ls /R/customer"),
        ("cat '/customer/a b' >/tmp/x", "cat '/R/customer/a b' >/R/tmp/x"),
        ("export LD_LIBRARY_PATH=/lib:/config/lib:/customer/lib", None),
        ("cd -- /customer/deploy; exec ./prog", "cd -- /R/customer/deploy; exec ./prog"),
        ("(/data/x;`/tmp/y`)&&/config/z|/tmp/w", "(/R/data/x;`/R/tmp/y`)&&/R/config/z|/R/tmp/w"),
        ("cat </sys/class/mstar/msys/TEMP_R", "cat </R/sys/class/mstar/msys/TEMP_R"),
        ("ls /tmp", "ls /R/tmp"),
        ("ls /tmpfs /customers /data2 /tmp.old /config-x", "ls /tmpfs /customers /data2 /tmp.old /config-x"),
        ("ls /mnt/tmp ./tmp a/customer", "ls /mnt/tmp ./tmp a/customer"),
        ("cat /proc/meminfo /sys/class/net /bin/sh", "cat /proc/meminfo /sys/class/net /bin/sh"),
        ("ls /R/customer/x", "ls /R/customer/x"),
        ('echo "it\'s /tmp"', 'echo "it\'s /R/tmp"'),
    ],
)
def test_board_paths_become_private_ones(command: str, private: str | None) -> None:
    """Only whole board prefixes at the start of a path move; host paths and look-alikes stay."""
    expected = private or "export LD_LIBRARY_PATH=/lib:/R/config/lib:/R/customer/lib"

    assert expected == to_private(command, "/R")


@given(st.text(alphabet="/acdefgimopstu '=:.\n"))
def test_text_without_board_paths_is_left_alone(text: str) -> None:
    """Whatever holds no board prefix passes unchanged."""
    if not any(prefix in text for prefix in BOARD_PREFIXES):
        assert text == to_private(text, "/R")


def test_commands_and_sftp_see_the_same_files(sim: Place, tmp_path: Path) -> None:
    """What a command writes to a board path, SFTP reads there, and it lies in the private directory."""
    assert sim.sim is not None
    with sim.board() as board:
        board.run(["sh", "-c", "echo hello >/customer/note"], timeout_s=10)
        sftp = board.sftp()
        assert sftp is not None
        with sftp.open("/customer/note") as file:
            assert b"hello\n" == file.read()
    assert "hello\n" == (sim.sim.root / "customer/note").read_text()


def test_pushed_python_finds_our_numpy(sim: Place) -> None:
    """A program with an `env python3` line runs under the interpreter that has numpy."""
    assert sim.sim is not None
    program = sim.sim.root / "customer/prog"
    program.write_text("#!/usr/bin/env python3\nimport numpy, sys\nprint(sys.executable)\n")
    program.chmod(0o755)
    with sim.board() as board:
        done = board.run(["/customer/prog"], timeout_s=30)

    assert (0, Path(sys.executable).parent) == (done.exit_status, Path(done.stdout.decode().strip()).parent)


def test_df_counts_the_boards_files_in_the_format_of_busybox(sim: Place) -> None:
    """A megabyte more on the board is a megabyte less free."""
    assert sim.sim is not None

    def columns() -> list[str]:
        with sim.board() as board:
            header, row = board.run(["df", "-k", "/customer"], timeout_s=10).stdout.decode().splitlines()
        assert "Filesystem           1K-blocks      Used Available Use% Mounted on" == header
        return row.split()

    before = columns()
    (sim.sim.root / "customer/big").write_bytes(os.urandom(1 << 20))
    after = columns()

    assert ["ubi0:customer", "105344"] == after[:2] and "/customer" == after[-1]
    assert 1024 <= int(before[3]) - int(after[3]) <= 1032
    assert 105_344 == int(after[2]) + int(after[3])


def test_dmesg_shows_what_programs_left_in_the_kernel_log(sim: Place) -> None:
    """$SGS_KMSG is where a program's driver would print; it does not come to stdout by itself."""
    with sim.board() as board:
        line = "client [7] connected, module:ipu"
        wrote = board.run(["sh", "-c", f'echo "{line}" >>"$SGS_KMSG"'], timeout_s=10)
        shown = board.run(["dmesg"], timeout_s=10)

    assert (b"", f"{line}\n".encode()) == (wrote.stdout, shown.stdout)


def test_the_temperature_follows_this_machine(sim: Place) -> None:
    """Both thermal nodes tell what the host shows now, within what it can change meanwhile."""
    with sim.board() as board:
        vendor = board.run(["cat", "/sys/class/mstar/msys/TEMP_R"], timeout_s=10).stdout.decode()
        zone = board.run(["cat", "/sys/class/thermal/thermal_zone0/temp"], timeout_s=10).stdout.decode()

    word, degrees = vendor.split()
    assert "Temperature" == word
    assert abs(float(degrees) - host_temperature_c()) < 10
    assert abs(int(zone) / 1000 - float(degrees)) < 5


def test_a_directory_with_blanks_and_quotes_works(tmp_path: Path) -> None:
    """The board's directory may have any name; commands still find their files."""
    root = tmp_path / "it's my board"
    with simulated(root=root) as place, place.board() as board:
        done = board.run(["sh", "-c", "echo x >/customer/y && cat /customer/y"], timeout_s=10)

    assert b"x\n" == done.stdout == (root / "customer/y").read_bytes()


def test_a_kept_directory_keeps_its_host_key(tmp_path: Path) -> None:
    """Stopping and starting a board does not make it a stranger."""
    prints = []
    for _ in range(2):
        with SimBoard(SimBoardConfig(root=tmp_path / "board")).start() as board:
            prints.append(board.host_key_fingerprint)

    assert prints[0] == prints[1]


def test_what_cannot_start_is_refused() -> None:
    """A taken port and an unknown chip are usage errors."""
    with simulated() as place, pytest.raises(UsageError, match="cannot listen"):
        SimBoard(SimBoardConfig(port=place.config.port)).start()
    with pytest.raises(UsageError, match="no simulated chip"):
        SimBoard(SimBoardConfig(chip="z80")).start()


def test_on_the_command_line_it_says_how_to_reach_it_and_ends_on_request(tmp_path: Path) -> None:
    """One JSON line when ready; on SIGTERM it ends well and its programs with it."""
    port = free_port()
    serve = [sys.executable, "-m", "board_runner.simboard", "--port", str(port), "--no-password"]
    with subprocess.Popen([*serve, "--root", tmp_path / "b"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        with SshBoard(BoardConfig(name="b", host=said["host"], own_port=said["port"])) as board:
            assert b"ok\n" == board.run(["echo", "ok"], timeout_s=10).stdout
            hung = board.run(["sleep", "60"], timeout_s=0.2)
        process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        assert 0 == process.wait(10)

    assert (port, "root", None) == (said["port"], said["user"], said["key"])
    assert time.monotonic() - started < 5
    assert hung.timed_out and hung.elapsed_ms < 2000, "its programs must heed SIGTERM"


def test_it_stops_while_commands_are_only_being_started() -> None:
    """Between a command's arrival and its start lie a fork and three pipes: a stop in there waits for nobody."""
    for tenth in range(10):
        board = SimBoard(SimBoardConfig(login="none")).start()
        asking = threading.Thread(target=_ask_much, args=(board.host, board.port))
        asking.start()
        time.sleep(0.15 + tenth / 100)  # some stops come before the first command, some amid them
        stopping = threading.Thread(target=board.stop, daemon=True)
        stopping.start()
        stopping.join(60)
        asking.join(60)

        assert not stopping.is_alive()


def _ask_much(host: str, port: int) -> None:
    with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
        link = paramiko.Transport((host, port))
        link.start_client(timeout=20)
        link.auth_none("root")
        for _ in range(40):
            link.open_session(timeout=20).exec_command("sleep 60")
