"""Roots of BusyBox and dropbear, and boards in them on this machine's kernel."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath

import paramiko
import pytest

from board_runner.emulator.chroot import chroot_argv
from board_runner.emulator.errors import EmulatorError
from board_runner.emulator.packages import DebianArch
from board_runner.emulator.roots import Root, applets, build_root
from deployer.board.ssh import SshBoard
from deployer.errors import LoginRefused
from tests.emulator.conftest import served

PASSWORD = "correct horse"
ELF_MACHINES = {"amd64": 62, "arm64": 183, "armhf": 40}


def asked(root: Root, script: str) -> subprocess.CompletedProcess[str]:
    """What the board's shell says to a script, without any SSH."""
    argv = chroot_argv(root, ["sh", "-c", script])
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("arch", ELF_MACHINES)
def test_a_root_is_of_its_architecture(arch: DebianArch, tmp_path: Path) -> None:
    """Shell, server and loader of the root are machine code for the board asked for."""
    root = build_root(tmp_path / "root", arch)
    loaders = [path for path in root.folder.glob("lib*/ld-linux*") if path.is_file()]
    assert len(loaders) == 1
    for program in (*loaders, root.folder / "bin/busybox", root.folder / "usr/sbin/dropbear"):
        header = program.read_bytes()[:20]
        assert (header[:4], int.from_bytes(header[18:20], "little")) == (b"\x7fELF", ELF_MACHINES[arch])


@pytest.mark.usefixtures("packages", "root_user")
def test_a_board_without_password_is_one_of_the_field(tmp_path: Path) -> None:
    """Root gets in without a password, finds a read-only root, a small /customer, a /tmp, and no SFTP."""
    root = build_root(tmp_path / "root", "amd64")
    with served(root) as config, SshBoard(config) as board:
        facts = board.facts(PurePosixPath("/customer"))
        written = board.script("touch /tmp/a /customer/b; touch /etc/c", timeout_s=10)
        assert board.sftp() is None
    assert facts.free_kib == 3072
    assert {"sha256sum", "timeout", "df"} <= facts.applets
    assert written.exit_status != 0
    assert b"touch: /etc/c: Read-only file system" in written.stderr
    assert not list((root.folder / "customer").iterdir())


@pytest.mark.usefixtures("packages", "root_user")
def test_a_board_with_a_password_lets_only_it_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password given at the build is the board's password; SFTP is there when asked for."""
    monkeypatch.setenv("BOARD_PASSWORD", PASSWORD)
    root = build_root(tmp_path / "root", "amd64", login="password", password=PASSWORD, sftp=True)
    with served(root) as config:
        with SshBoard(config.replace(password_env="BOARD_PASSWORD")) as board:
            assert board.sftp() is not None
        monkeypatch.setenv("BOARD_PASSWORD", "wrong")
        with pytest.raises(LoginRefused):
            SshBoard(config.replace(password_env="BOARD_PASSWORD")).connect()


@pytest.mark.usefixtures("packages", "root_user")
def test_a_board_with_a_key_lets_only_it_in(tmp_path: Path) -> None:
    """The key given at the build opens the board."""
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = key.with_suffix(".pub").read_text()
    root = build_root(tmp_path / "root", "amd64", login="key", authorized_key=public)
    with served(root) as config, SshBoard(config.replace(key=key)) as board:
        assert board.run(["pwd"], timeout_s=10).stdout == b"/root\n"


@pytest.mark.usefixtures("packages", "root_user")
def test_the_host_key_is_the_one_of_the_build(tmp_path: Path) -> None:
    """What a client is shown has the fingerprint that the build gave."""
    root = build_root(tmp_path / "root", "amd64")
    with served(root) as config:
        shown = paramiko.Transport((config.host, config.port))
        shown.start_client(timeout=20)
        key = shown.get_remote_server_key()
        shown.close()
    assert root.fingerprint == f"SHA256:{b64encode(sha256(key.asbytes()).digest()).decode().rstrip('=')}"


@pytest.mark.usefixtures("packages", "root_user")
def test_an_applet_left_out_is_gone(tmp_path: Path) -> None:
    """A board built without `sha256sum` and `timeout` has neither, not even inside its shell."""
    root = build_root(tmp_path / "root", "amd64", without=["sha256sum", "timeout"])
    said = asked(root, "timeout 1 true; echo $?; echo | sha256sum; echo | md5sum")
    assert said.stdout.splitlines() == ["127", "68b329da9893e34099c7d8ad5cb9c940  -"]


@pytest.mark.usefixtures("packages", "root_user")
def test_the_flash_outlives_the_board_and_nothing_else_does(tmp_path: Path) -> None:
    """With a folder as /customer its files are there after the next start; mounts and processes are not."""
    root = build_root(tmp_path / "root", "amd64")
    flash = tmp_path / "flash"
    flash.mkdir()

    def start(command: Sequence[str]) -> str:
        argv = chroot_argv(root, command, name="one", customer=flash)
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout

    assert start(["sh", "-c", "hostname; echo kept > /customer/a; echo lost > /tmp/a"]) == "one\n"
    assert start(["sh", "-c", "cat /customer/a; ls /tmp"]) == "kept\n"
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


@pytest.mark.usefixtures("packages")
def test_a_root_is_built_in_an_empty_folder_only(tmp_path: Path) -> None:
    """Files of the user are never mixed with a board's."""
    (tmp_path / "mine").touch()
    with pytest.raises(EmulatorError, match="not empty"):
        build_root(tmp_path, "amd64")


def test_a_login_needs_its_credentials(tmp_path: Path) -> None:
    """A password for a board that asks for none is a mistake, and so is a login without its secret."""
    with pytest.raises(EmulatorError, match="'none' does not go"):
        build_root(tmp_path / "a", "amd64", password="x")
    with pytest.raises(EmulatorError, match="'key' does not go"):
        build_root(tmp_path / "b", "amd64", login="key")


def test_applets_come_from_the_table_in_the_binary() -> None:
    """A file that is no BusyBox is refused."""
    assert applets(b"x\0[\0[[\0sh\0wc\0\0y") == ["[", "[[", "sh", "wc"]
    with pytest.raises(EmulatorError, match="no table"):
        applets(b"\0[\0[[\0wc\0\0")
