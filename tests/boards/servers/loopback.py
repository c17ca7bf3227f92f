"""OpenSSH servers on a loopback port for whoever runs the tests: no root needed."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from deployer.board.config import BoardConfig
from tests.boards.servers.place import Place

SSHD = Path("/usr/sbin/sshd")
SSHD_KINDS = {"sshd": True, "sshd-no-sftp": False}
_START_S = 5.0


def sshd_missing() -> str | None:
    """Why no OpenSSH server can be started here."""
    if not SSHD.is_file():
        return f"{SSHD} is not installed"
    if os.geteuid() != 0 and not Path("/run/sshd").is_dir():
        return "/run/sshd is missing, and only root can make it"
    return None if shutil.which("ssh-keygen") else "ssh-keygen is not installed"


@contextlib.contextmanager
def openssh(folder: Path, *, sftp: bool, more: str = "") -> Iterator[Place]:
    """An OpenSSH server on a free loopback port with keys of its own, for this user; a child we wait for."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "client"):
        make_key(folder / name)
    port = free_port()
    (folder / "sshd_config").write_text(_sshd_config(folder, port, sftp=sftp) + f"{more}\n")
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", folder / "sshd_config"], stdin=subprocess.DEVNULL, stderr=log
        )
    try:
        wait_for("127.0.0.1", port, (folder / "log").read_text)
        yield Place(
            config=BoardConfig(
                name="sshd",
                host="127.0.0.1",
                own_port=port,
                own_user=getpass.getuser(),
                directory=PurePosixPath(folder / "board/deploy"),
                key=folder / "client",
            ),
            files=folder / "board/deploy",
        )
    finally:
        server.terminate()
        server.wait(10)


def make_key(path: Path, kind: str = "ed25519") -> None:
    """A key pair without a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)


def free_port() -> int:
    """A loopback port on which nobody listens just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def wait_for(host: str, port: int, log: Callable[[], str]) -> None:
    """Until somebody listens there. Raises RuntimeError with the server's own words."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return
        time.sleep(0.01)
    raise RuntimeError(f"nobody listens on {host}:{port}: {log()}")


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
