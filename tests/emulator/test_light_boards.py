"""ARM boards on this machine's own kernel: user-mode emulation, in networks of their own."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path, PurePosixPath

import pytest

from board_runner.emulator.chroot import chroot_argv
from board_runner.emulator.errors import EmulatorError
from board_runner.emulator.packages import DebianArch
from board_runner.emulator.roots import build_root
from board_runner.emulator.usermode import UserMode, user_mode
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.errors import BoardUnreachable
from tests.boards import netns
from tests.emulator.conftest import served, upload

REGISTERED = Path("/proc/sys/fs/binfmt_misc")


@pytest.mark.usefixtures("arm_programs")
@pytest.mark.parametrize(("arch", "machine"), [("arm64", "aarch64"), ("armhf", "armv7l")])
def test_a_light_board_is_an_arm_board_to_its_programs(
    arch: DebianArch, machine: str, tmp_path: Path
) -> None:
    """`uname -m`, the shell and a pushed file are those of an ARM board; this machine learns nothing of it."""
    payload = tmp_path / "payload"
    payload.write_bytes(b"\0\1" * 50_000)
    root = build_root(tmp_path / "root", arch)
    with served(root) as config, SshBoard(config) as board:
        facts = board.facts(PurePosixPath("/customer"))
        board.push([upload(payload, PurePosixPath("/customer/payload"))])
        size = board.run(["wc", "-c", "/customer/payload"], timeout_s=30).stdout
    assert (machine, 3072) == (facts.machine, facts.free_kib)
    assert b"100000 /customer/payload\n" == size
    assert not (REGISTERED / "board").exists()


@pytest.mark.usefixtures("arm_programs")
def test_a_light_board_has_an_address_of_its_own(tmp_path: Path) -> None:
    """In a network namespace the board listens on port 22 of its own address."""
    if reason := netns.missing():
        pytest.skip(reason)
    root = build_root(tmp_path / "root", "arm64")
    with netns.network() as network:
        argv = ["ip", "netns", "exec", network.board, *chroot_argv(root, own_network=True)]
        server = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
        try:
            with network.inside(), _connected() as board:
                assert board.run(["uname", "-m"], timeout_s=30).stdout == b"aarch64\n"
        finally:
            server.kill()
            server.wait(10)


def test_a_machine_that_cannot_be_emulated_is_named() -> None:
    """Without the interpreter the message says which package has it."""
    absent = UserMode(program="qemu-absent-static", elf_class=2, elf_machine=183)
    with pytest.raises(EmulatorError, match="qemu-absent-static is not installed") as caught:
        absent.registration()
    assert "qemu-user-static" in caught.value.hint


def test_this_machines_own_programs_need_no_emulation() -> None:
    """One of the three architectures is this machine's, or none; the others have an interpreter."""
    arches: tuple[DebianArch, ...] = ("arm64", "armhf")
    assert sum(user_mode(arch) is None for arch in arches) <= 1


def _connected() -> SshBoard:
    """A connection to the board in its network, as soon as it listens."""
    config = BoardConfig(name="light", host=netns.BOARD_ADDRESS, host_key="off")
    for _ in range(100):
        with contextlib.suppress(BoardUnreachable):
            return SshBoard(config).connect()
        time.sleep(0.05)
    raise AssertionError("the light board does not listen")
