"""What boards have for a `/`: BusyBox with dropbear, or this machine's userland under other accounts."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

DEVICES = ("null", "zero", "urandom", "random", "tty")
_FOLDERS = (
    "bin",
    "sbin",
    "dev/pts",
    "proc",
    "sys",
    "tmp",
    "etc",
    "root/.ssh",
    "run",
    "usr/bin",
    "usr/sbin",
    "var/run",
)


def busybox_root(root: Path, *, programs: tuple[str, ...] = ("dropbear",)) -> None:
    """BusyBox's applets and `programs` with the libraries they load."""
    _folders(root)
    busybox = root / "bin/busybox"
    shutil.copy(_program("busybox"), busybox)
    for applet in _applets():
        (root / "bin" / applet).symlink_to("busybox")
    for name in programs:
        add_program(root, _program(name), f"usr/sbin/{name}")


def machine_root(root: Path) -> list[list[str]]:
    """This machine's /usr, read-only, under another /etc: the arguments of the mounts it needs."""
    _folders(root, without=("bin", "sbin", "usr/bin", "usr/sbin"))
    (root / "usr").mkdir(exist_ok=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "run/sshd").mkdir(mode=0o755)
    return [["--rbind", "/usr", f"{root}/usr"], ["-o", "remount,bind,ro", f"{root}/usr"]]


def accounts(root: Path, *, password: str | None) -> None:
    """Only root (no password at all with None, an empty one with "") and what sshd itself needs."""
    etc = root / "etc"
    etc.joinpath("passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\n"
        "sshd:x:102:65534::/run/sshd:/usr/sbin/nologin\n"
        "nobody:x:65534:65534::/:/bin/false\n"
    )
    etc.joinpath("group").write_text("root:x:0:\ntty:x:5:\nnogroup:x:65534:\n")
    etc.joinpath("shadow").write_text(f"root:{_hash(password)}:20000:0:99999:7:::\nsshd:!:20000::::::\n")
    etc.joinpath("shadow").chmod(0o600)
    etc.joinpath("hostname").write_text("board\n")


def common_mounts(root: Path) -> list[list[str]]:
    """/proc, a few devices and terminals: arguments of `mount`, in order."""
    for device in DEVICES:
        (root / "dev" / device).touch()
    (root / "dev/ptmx").symlink_to("pts/ptmx")
    return [
        ["-t", "proc", "proc", f"{root}/proc"],
        *(["--bind", f"/dev/{device}", f"{root}/dev/{device}"] for device in DEVICES),
        ["-t", "devpts", "-o", "newinstance,ptmxmode=0666", "devpts", f"{root}/dev/pts"],
    ]


def add_program(root: Path, program: str, target: str) -> None:
    """One more program of this machine, at `target` below `root`, with its libraries."""
    (root / target).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(program, root / target)
    for library in _libraries(program):
        there = root / library.lstrip("/")
        if not there.exists():  # a server that runs already has it mapped: writing over it would kill it
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, there)


def dropbear_key(path: Path) -> None:
    """A host key of dropbear's own format."""
    subprocess.run([_program("dropbearkey"), "-t", "ed25519", "-f", path], capture_output=True, check=True)


def new_host_key(path: Path, server: str) -> None:
    """Another host key in place of the one at `path`."""
    fresh = path.with_name("fresh_key")
    if server == "dropbear":
        dropbear_key(fresh)
    else:
        kind = path.with_name(f"{path.name}.pub").read_text().split()[0].removeprefix("ssh-")
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", fresh], check=True)
    path.write_bytes(fresh.read_bytes())
    for made in (fresh, fresh.with_name("fresh_key.pub")):
        made.unlink(missing_ok=True)


def _folders(root: Path, without: tuple[str, ...] = ()) -> None:
    root.mkdir(parents=True)
    root.chmod(0o755)
    for name in _FOLDERS:
        if name not in without:
            (root / name).mkdir(parents=True, exist_ok=True)
    (root / "root").chmod(0o700)
    (root / "root/.ssh").chmod(0o700)
    (root / "tmp").chmod(0o1777)


@cache
def _hash(password: str | None) -> str:
    if not password:
        return "*" if password is None else ""
    done = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@cache
def _applets() -> tuple[str, ...]:
    listed = subprocess.run([_program("busybox"), "--list"], capture_output=True, text=True, check=True)
    return tuple(name for name in listed.stdout.split() if name != "busybox")


@cache
def _libraries(program: str) -> tuple[str, ...]:
    loaded = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
    return tuple(re.findall(r"(/\S+) \(0x", loaded.stdout))


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        raise RuntimeError(f"{name} is not installed")
    return found
