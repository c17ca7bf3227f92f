"""Real boards to test against: simulated ones, and OpenSSH servers started for the test alone."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from board_runner.simboard import SimBoard, SimBoardConfig
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard

SSHD = Path("/usr/sbin/sshd")
PASSWORD_VARIABLE = "TEST_BOARD_PASSWORD"
PASSWORD = "correct horse"

SIM_KINDS: dict[str, dict[str, Any]] = {
    "sim": {},
    "sim-no-sftp": {"sftp": False},
    "sim-password": {"login": "password", "password": PASSWORD},
    "sim-no-password": {"login": "none"},
}
SSHD_KINDS = {"sshd": True, "sshd-no-sftp": False}


@dataclass(frozen=True, kw_only=True)
class Place:
    """A running board, how to reach it, and where its deploy directory lies on this machine."""

    config: BoardConfig
    files: Path
    sim: SimBoard | None = None
    extra: dict[str, str] = field(default_factory=dict)

    def board(self, **changes: Any) -> SshBoard:
        """The board, with some of its configuration changed."""
        return SshBoard(self.config.model_copy(update=changes))

    @property
    def current(self) -> Path:
        """`DIRECTORY/current` as this machine sees it."""
        return self.files / "current"


@contextlib.contextmanager
def simulated(**changes: Any) -> Iterator[Place]:
    """A simulated board."""
    with SimBoard(SimBoardConfig(**changes)).start() as sim:
        login = sim.config.login
        yield Place(
            config=BoardConfig(
                name="sim",
                host=sim.host,
                port=sim.port,
                key=sim.client_key_path if login == "key" else None,
                password_env=PASSWORD_VARIABLE if login == "password" else None,
            ),
            files=sim.root / "customer/deploy",
            sim=sim,
        )


def sshd_missing() -> str | None:
    """Why no OpenSSH server can be started here."""
    if not SSHD.is_file():
        return f"{SSHD} is not installed"
    if os.geteuid() != 0 and not Path("/run/sshd").is_dir():
        return "/run/sshd is missing, and only root can make it"
    return None if shutil.which("ssh-keygen") else "ssh-keygen is not installed"


@contextlib.contextmanager
def openssh(folder: Path, *, sftp: bool) -> Iterator[Place]:
    """An OpenSSH server on a free loopback port with keys of its own, for this user; a child we wait for."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "client"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    port = free_port()
    (folder / "sshd_config").write_text(_sshd_config(folder, port, sftp=sftp))
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", folder / "sshd_config"], stdin=subprocess.DEVNULL, stderr=log
        )
    try:
        _wait_for(port, folder / "log")
        yield Place(
            config=BoardConfig(
                name="sshd",
                host="127.0.0.1",
                port=port,
                user=getpass.getuser(),
                directory=PurePosixPath(folder / "board/deploy"),
                key=folder / "client",
            ),
            files=folder / "board/deploy",
        )
    finally:
        server.terminate()
        server.wait(10)


def free_port() -> int:
    """A loopback port on which nobody listens just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _sshd_config(folder: Path, port: int, *, sftp: bool) -> str:
    interpreter = Path(sys.executable).parent
    lines = [
        f"ListenAddress 127.0.0.1:{port}",
        f"HostKey {folder}/host",
        "PidFile none",
        f"AuthorizedKeysFile {folder}/client.pub",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        "UseDNS no",
        # SHLVL: bash as login shell would read the user's .bashrc, which a board does not have
        f"SetEnv PATH={interpreter}:/usr/bin:/bin SHLVL=1",
    ]
    return "\n".join([*lines, *(["Subsystem sftp internal-sftp"] if sftp else []), ""])


def _wait_for(port: int, log: Path) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"sshd did not start: {log.read_text()}")
