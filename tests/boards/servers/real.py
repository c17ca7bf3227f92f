"""Real servers in frames: OpenSSH and dropbear, every way to log in, on loopback or in a network of their own."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from deployer.board.config import BoardConfig
from tests.boards.servers import roots
from tests.boards.servers.frame import Frame, Spec, framed, missing
from tests.boards.servers.loopback import free_port, make_key, wait_for
from tests.boards.servers.place import Place
from tests.boards.servers.sim import PASSWORD, PASSWORD_VARIABLE

BOARD_DIRECTORY = PurePosixPath("/customer/deploy")

_SHA1_ONLY = (
    "HostKeyAlgorithms ssh-rsa",
    "KexAlgorithms diffie-hellman-group14-sha1",
    "PubkeyAcceptedAlgorithms ssh-rsa",
    "MACs hmac-sha1",
    "Ciphers aes128-ctr,aes128-cbc",
)
_PAM = "auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of server. `login`: how root gets in; `none` is an empty password that is not asked for."""

    server: Literal["openssh", "dropbear"]
    login: Literal["key", "password", "keyboard-interactive", "none"] = "key"
    sftp: bool = False
    shell: bool = True
    sha1_only: bool = False
    clock: str | None = None  # what its programs take for the time when they start
    window_bytes: int | None = None


REAL_KINDS = {
    "openssh-password": Kind(server="openssh", login="password", sftp=True),
    "openssh-keyboard": Kind(server="openssh", login="keyboard-interactive", sftp=True),
    "openssh-sha1": Kind(server="openssh", sftp=True, sha1_only=True),
    "dropbear": Kind(server="dropbear"),
    "dropbear-sftp": Kind(server="dropbear", sftp=True),
    "dropbear-password": Kind(server="dropbear", login="password"),
    "dropbear-no-password": Kind(server="dropbear", login="none"),
}
CLOCK_1970 = Kind(server="openssh", sftp=True, clock="1970-01-01 00:00:10")
SFTP_ONLY = Kind(server="openssh", sftp=True, shell=False)


def kind_missing(kind: Kind) -> str | None:
    """Why a board of this kind cannot be made here."""
    if kind.clock and not _faketime():
        return "libfaketime is not installed"
    wanted = ("sshd",) if kind.server == "openssh" else ("dropbear", "dropbearkey", "busybox")
    return missing(*wanted, "ssh-keygen", "openssl")


@contextlib.contextmanager
def real(
    folder: Path,
    kind: Kind,
    *,
    netns: str | None = None,
    address: str = "127.0.0.1",
    flash: str | None = None,
) -> Iterator[Place]:
    """A board of `kind`; with `netns` on port 22 of `address` there (wait for it yourself: `listening`).

    `flash`: options of the tmpfs that is then mounted on /customer, such as `size=1m`.
    """
    root = (folder / "root").resolve()
    port = 22 if netns else free_port()
    make_key(folder / "client", "rsa" if kind.sha1_only else "ed25519")
    build = _openssh if kind.server == "openssh" else _dropbear
    server, mounts = build(folder, root, kind, f"{address}:{port}")
    shutil.copy(folder / "client.pub", root / "root/.ssh/authorized_keys")
    (root / "root/.ssh/authorized_keys").chmod(0o600)
    (root / "customer").mkdir()
    mounts += roots.common_mounts(root)
    if flash is not None:
        mounts.append(["-t", "tmpfs", "-o", flash, "flash", f"{root}/customer"])
    with framed(Spec(root=root, server=server, mounts=mounts, netns=netns), folder) as frame:
        if netns is None:
            wait_for(address, port, lambda: frame.log)
        yield Place(
            config=BoardConfig(
                name=kind.server,
                host=address,
                own_port=port,
                directory=BOARD_DIRECTORY,
                key=folder / "client" if kind.login == "key" else None,
                password_env=PASSWORD_VARIABLE
                if kind.login in ("password", "keyboard-interactive")
                else None,
            ),
            files=frame.root / "customer/deploy",
            root=frame.root,
            frame=frame,
        )


def listening(place: Place) -> None:
    """Wait until the board's server listens."""
    frame = _frame(place)
    wait_for(place.config.host, place.config.port, lambda: frame.log)


def reboot(place: Place) -> None:
    """Cut the board's power and switch it on again; it listens when this returns."""
    _frame(place).off()
    _frame(place).boot()
    listening(place)


def _frame(place: Place) -> Frame:
    assert place.frame is not None, "a simulated board has no frame"
    return place.frame


def _dropbear(folder: Path, root: Path, kind: Kind, listen: str) -> tuple[list[str], list[list[str]]]:
    roots.busybox_root(root)
    if kind.sftp:
        roots.add_program(root, "/usr/lib/openssh/sftp-server", "usr/lib/sftp-server")
    roots.accounts(root, password={"password": PASSWORD, "none": ""}.get(kind.login))
    roots.dropbear_key(root / "etc/host_key")
    options = {"key": ["-s"], "none": ["-B"]}.get(kind.login, [])
    window = [] if kind.window_bytes is None else ["-W", str(kind.window_bytes)]
    return ["/usr/sbin/dropbear", "-F", "-E", "-r", "/etc/host_key", "-p", listen, *options, *window], []


def _faketime() -> list[Path]:
    return sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


def _openssh(folder: Path, root: Path, kind: Kind, listen: str) -> tuple[list[str], list[list[str]]]:
    mounts = roots.machine_root(root)
    roots.accounts(root, password=None if kind.login == "key" else PASSWORD)
    (root / "etc/pam.d").mkdir()
    (root / "etc/pam.d/sshd").write_text(_PAM)
    make_key(root / "etc/host_key", "rsa" if kind.sha1_only else "ed25519")
    interactive = kind.login == "keyboard-interactive"
    lines = [
        f"ListenAddress {listen}",
        "HostKey /etc/host_key",
        "PidFile none",
        "PermitRootLogin yes",
        "UseDNS no",
        f"UsePAM {'yes' if interactive else 'no'}",
        f"PubkeyAuthentication {'yes' if kind.login == 'key' else 'no'}",
        f"PasswordAuthentication {'yes' if kind.login == 'password' else 'no'}",
        f"KbdInteractiveAuthentication {'yes' if interactive else 'no'}",
        *(["Subsystem sftp internal-sftp"] if kind.sftp else []),
        *([] if kind.shell else ["ForceCommand internal-sftp"]),
        *(_SHA1_ONLY if kind.sha1_only else ()),
        *([f'SetEnv LD_PRELOAD={_faketime()[0]} FAKETIME="@{kind.clock}"'] if kind.clock else []),
    ]
    (root / "etc/sshd_config").write_text("\n".join([*lines, ""]))
    return ["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/sshd_config"], mounts
