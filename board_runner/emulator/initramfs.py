"""The initramfs an emulated board boots from: a root, an init that brings it up, and kernel modules."""

from __future__ import annotations

import io
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from board_runner.emulator.kernel import Kernel
from board_runner.emulator.roots import Root

UP = "BOARD UP"
"""Printed on the console once the SSH server listens."""

_MAGIC = "070701"
_TRAILER = "TRAILER!!!"

_INITTAB = """\
::sysinit:/etc/init.d/rcS
::respawn:-/bin/sh
::ctrlaltdel:/sbin/reboot
::shutdown:/bin/umount /customer
"""

_RCS = """\
#!/bin/sh
export PATH=/usr/bin:/usr/sbin:/bin:/sbin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir /dev/pts
mount -t devpts devpts /dev/pts
for module in /lib/modules/*.ko; do insmod "$module"; done
mount -t tmpfs -o size=50%,mode=1777 tmp /tmp
mount -t ext4 -o noatime /dev/vda /customer
hostname -F /etc/hostname
ifconfig lo 127.0.0.1 up
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
mount -o remount,ro /
@SERVER@
echo "@UP@ $(cut -d' ' -f1 /proc/uptime)"
"""


def initramfs(root: Root, kernel: Kernel, target: Path, *, window_bytes: int | None = None) -> None:
    """Write the initramfs of a board with this root; the root's folder gets init's files and the modules."""
    etc = root.folder / "etc"
    (etc / "init.d").mkdir(exist_ok=True)
    (etc / "inittab").write_text(_INITTAB)
    script = etc / "init.d/rcS"
    server = [word for word in root.server(window_bytes=window_bytes) if word != "-F"]  # rcS goes on
    script.write_text(_RCS.replace("@SERVER@", shlex.join(server)).replace("@UP@", UP))
    script.chmod(0o755)
    modules = root.folder / "lib/modules"
    modules.mkdir(exist_ok=True)
    for module in kernel.modules:
        (modules / module.name).write_bytes(module.read_bytes())
    (root.folder / "init").symlink_to("bin/busybox")
    target.write_bytes(cpio(root.folder))


def cpio(folder: Path) -> bytes:
    """A folder as a `newc` archive (Linux: Documentation/driver-api/early-userspace/buffer-format.rst).

    All belongs to root, whoever builds; not compressed, since emulated cores would spend seconds on that.
    """
    out = io.BytesIO()
    for number, path in enumerate(_below(folder), start=1):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            content = str(path.readlink()).encode()
        else:
            content = path.read_bytes() if stat.S_ISREG(mode) else b""
        _entry(out, str(path.relative_to(folder)), mode=mode, inode=number, content=content)
    _entry(out, _TRAILER, mode=0, inode=0, content=b"")
    return out.getvalue()


def _below(folder: Path) -> Iterator[Path]:
    """Everything below, each folder before what it holds."""
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)


def _entry(out: io.BytesIO, name: str, *, mode: int, inode: int, content: bytes) -> None:
    links = 2 if stat.S_ISDIR(mode) else 1
    name_bytes = name.encode() + b"\0"
    #        ino    mode  uid gid nlink  mtime filesize      dev  maj/min, rdev  namesize         check
    fields = (inode, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(name_bytes), 0)
    out.write(_MAGIC.encode() + b"".join(b"%08x" % field for field in fields) + name_bytes)
    _pad(out)
    out.write(content)
    _pad(out)


def _pad(out: io.BytesIO) -> None:
    out.write(bytes(-out.tell() % 4))
