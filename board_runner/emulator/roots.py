"""A board's root file system: BusyBox, dropbear, the libraries they need, and nothing else."""

from __future__ import annotations

import ctypes
import re
import secrets
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from board_runner.emulator.errors import EmulatorError
from board_runner.emulator.keys import HostKey, new_host_key
from board_runner.emulator.packages import DebianArch, Packages, Say, silent

Login = Literal["none", "password", "key"]

# busybox, not busybox-static: the shell of the latter runs an applet even where its name is gone from /bin
ROOT_PACKAGES = (
    *("busybox", "dropbear-bin", "libc6", "libcrypt1"),
    *("libgmp10", "libtomcrypt1", "libtommath1", "zlib1g"),
)
SFTP_PACKAGE = "openssh-sftp-server"

DROPBEAR = "/usr/sbin/dropbear"
HOST_KEY = "/etc/dropbear/host_key"
CUSTOMER = "customer"
MOUNT_POINTS = ("proc", "sys", "dev", "tmp", CUSTOMER)

_LOADERS = {
    "amd64": "lib64/ld-linux-x86-64.so.2",
    "arm64": "lib/ld-linux-aarch64.so.1",
    "armhf": "lib/ld-linux-armhf.so.3",
}
_LIBRARIES = (
    *("libc.so.6", "libcrypt.so.1", "libresolv.so.2", "libz.so.1"),
    *("libgmp.so.10", "libtomcrypt.so.1", "libtommath.so.1"),
)
_FOLDERS = (
    *("bin", "sbin", "usr/bin", "usr/sbin", "usr/lib", "lib"),
    *("etc/dropbear", "config/lib", "mnt", "var"),
)
_PROFILE = "export PATH=/usr/bin:/usr/sbin:/bin:/sbin LD_LIBRARY_PATH=/lib:/config/lib:/customer/lib\n"


@dataclass(frozen=True, kw_only=True)
class Root:
    """A root that has been built, and how its SSH server lets people in."""

    folder: Path
    arch: DebianArch
    login: Login
    fingerprint: str  # of the host key, `SHA256:...`

    def server(self, *, port: int = 22, window_bytes: int | None = None) -> list[str]:
        """The command, inside this root, that serves SSH in the foreground and complains on stderr.

        `window_bytes` widens the 24 KiB that dropbear takes on a channel before it must answer.
        """
        blank = ["-B"] if self.login == "none" else []
        keys_only = ["-s"] if self.login == "key" else []
        window = [] if window_bytes is None else ["-W", str(window_bytes)]
        place = ["-p", str(port), "-P", "/tmp/dropbear.pid", "-r", HOST_KEY]
        return [DROPBEAR, "-F", "-E", *place, *blank, *keys_only, *window]


def build_root(
    folder: Path,
    arch: DebianArch,
    *,
    login: Login = "none",
    password: str | None = None,
    authorized_key: str | None = None,
    sftp: bool = False,
    without: Collection[str] = (),
    host_key: HostKey | None = None,
    say: Say = silent,
) -> Root:
    """Build a board's root in `folder`, which must not hold anything yet. Raises EmulatorError.

    `login` says how root gets in: without a password, by `password`, or by `authorized_key` (a line of
    authorized_keys). `without` names BusyBox applets that the board lacks, as old ones do; without a
    `host_key` the server gets a fresh one. Nothing is run and no device node is made, so any user can build a
    root of any architecture.
    """
    if folder.exists() and any(folder.iterdir()):
        raise EmulatorError(f"{folder} is not empty", hint="name a folder that does not exist yet")
    if (login == "password") != (password is not None) or (login == "key") != (authorized_key is not None):
        raise EmulatorError(f"login {login!r} does not go with the credentials given")
    names = [*ROOT_PACKAGES, *([SFTP_PACKAGE] if sftp else [])]
    sources = Packages(arch=arch, say=say).unpacked(names)
    for place in (*_FOLDERS, *MOUNT_POINTS):
        (folder / place).mkdir(parents=True, exist_ok=True)
    _programs(folder, arch, sources, without)
    if sftp:
        _copy(sources, "usr/lib/openssh/sftp-server", folder / "usr/lib/sftp-server")
    _accounts(folder, login, password, authorized_key)
    key = host_key or new_host_key()
    _write(folder / HOST_KEY.lstrip("/"), key.content, mode=0o600)
    return Root(folder=folder, arch=arch, login=login, fingerprint=key.fingerprint)


def applets(busybox: bytes) -> list[str]:
    """The applets of a BusyBox binary that may be another machine's: its table of names, in order."""
    found = re.search(rb"\0(\[\0\[\[\0(?:[!-~]+\0)+)\0", busybox)
    names = found[1].decode().split("\0")[:-1] if found else []
    if "sh" not in names:
        raise EmulatorError("no table of applets in this busybox")
    return names


def _programs(folder: Path, arch: DebianArch, sources: Sequence[Path], without: Collection[str]) -> None:
    busybox = folder / "bin/busybox"
    _copy(sources, "bin/busybox", busybox)
    for name in applets(busybox.read_bytes()):
        if name not in without and name != "busybox":
            (folder / "bin" / name).symlink_to("busybox")
    (folder / "sbin/init").symlink_to("../bin/busybox")
    _copy(sources, "usr/sbin/dropbear", folder / DROPBEAR.lstrip("/"))
    loader = folder / _LOADERS[arch]
    loader.parent.mkdir(exist_ok=True)
    _copy(sources, _LOADERS[arch], loader)
    for name in _LIBRARIES:
        _copy(sources, f"**/{name}", folder / "lib" / name)


def _accounts(folder: Path, login: Login, password: str | None, authorized_key: str | None) -> None:
    """Root alone. Its home is missing as on SSD2355 boards, unless a key must lie in it."""
    home = "/root" if login == "key" else "/home/root"
    secret = {"none": "", "key": "*"}.get(login)
    if secret is None:
        secret = _hashed(password or "")
    etc = folder / "etc"
    _write(etc / "passwd", f"root:x:0:0:root:{home}:/bin/sh\n".encode())
    _write(etc / "shadow", f"root:{secret}:20000:0:99999:7:::\n".encode(), mode=0o600)
    _write(etc / "group", b"root:x:0:\n")
    _write(etc / "shells", b"/bin/sh\n")
    _write(etc / "hostname", b"board\n")
    _write(etc / "profile", _PROFILE.encode())
    if authorized_key is not None:
        keys = folder / "root/.ssh"
        keys.mkdir(parents=True, mode=0o700)
        keys.parent.chmod(0o700)
        _write(keys / "authorized_keys", f"{authorized_key.strip()}\n".encode(), mode=0o600)


def _hashed(password: str) -> str:
    """crypt(3) with SHA-512 and the fewest rounds it allows: an emulated board has to repeat them."""
    try:
        crypt = ctypes.CDLL("libcrypt.so.1").crypt
    except (OSError, AttributeError) as e:
        raise EmulatorError("libcrypt.so.1 cannot be loaded", hint="apt-get install libcrypt1") from e
    crypt.restype = ctypes.c_char_p
    hashed = crypt(password.encode(), f"$6$rounds=1000${secrets.token_hex(8)}$".encode())
    if not hashed:
        raise EmulatorError("the password cannot be hashed")
    return bytes(hashed).decode()


def _copy(sources: Sequence[Path], pattern: str, target: Path) -> None:
    found = next((path for source in sources for path in sorted(source.glob(pattern))), None)
    if found is None:
        raise EmulatorError(f"none of the packages holds {pattern}", hint="was the cache damaged? remove it")
    shutil.copyfile(found, target)
    target.chmod(0o755)


def _write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    path.write_bytes(content)
    path.chmod(mode)
