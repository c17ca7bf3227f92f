"""What an emulated board needs of this machine, and a cache that all its tests share."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest

from board_runner.emulator.board import EmulatedBoard, EmulatedBoardConfig
from board_runner.emulator.errors import EmulatorError
from board_runner.emulator.machine import MACHINES, BoardArch
from board_runner.emulator.packages import Packages
from deployer.board.base import Upload
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard

Boards = Callable[[BoardArch], EmulatedBoard]


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@functools.cache
def no_packages() -> str | None:
    """Why no Debian package can be had here."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    try:
        Packages(arch="amd64").fetch(["busybox"])
    except EmulatorError as e:
        return str(e)
    return None


@pytest.fixture(scope="session")
def packages() -> None:
    """Debian packages can be had."""
    if reason := no_packages():
        pytest.skip(reason)


@pytest.fixture
def root_user() -> None:
    """We are root."""
    if os.geteuid() != 0:
        pytest.skip("mounts and chroot need root")


def lacking(arch: BoardArch) -> str | None:
    """Why no board of this kind can be emulated here."""
    qemu = MACHINES[arch].qemu
    if shutil.which(qemu) is None:
        return f"{qemu} is not installed"
    found = shutil.which("mkfs.ext4", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    return None if found else "mkfs.ext4 is not installed"


@pytest.fixture(scope="session")
def emulated_boards(packages: None) -> Iterator[Boards]:
    """A running board of each kind, booted when it is first asked for, shared by all tests."""
    running: dict[BoardArch, EmulatedBoard] = {}
    with contextlib.ExitStack() as stack:

        def board(arch: BoardArch) -> EmulatedBoard:
            if reason := lacking(arch):
                pytest.skip(reason)
            if arch not in running:
                config = EmulatedBoardConfig(arch=arch, flash_kib=8192, memory_mib=256)
                running[arch] = stack.enter_context(EmulatedBoard(config)).start()
            return running[arch]

        yield board


def reach(board: EmulatedBoard) -> SshBoard:
    """A connection to the board, not opened yet."""
    config = BoardConfig(name="emulated", host=board.host, port=board.port, connect_timeout_s=60)
    return SshBoard(config)


def upload(source: Path, target: PurePosixPath, *, executable: bool = False) -> Upload:
    """A local file for the board."""
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    return Upload(source=source, target=target, sha256=digest, executable=executable)
