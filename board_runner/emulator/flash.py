"""The small writable `/customer` of an emulated board: an ext4 image that outlives power cuts."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

from board_runner.emulator.errors import EmulatorError

_SUPERBLOCK = 1024
_FREE_BLOCKS_AT = 12  # s_free_blocks_count_lo (Linux: Documentation/filesystems/ext4/super.rst)
_FIRST_GUESS_KIB = 1536  # a journal of 1 MiB and the tables
_SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"  # a user's PATH may lack sbin


def make_flash(image: Path, flash_kib: int) -> None:
    """Make an empty file system with `flash_kib` KiB for files. Raises EmulatorError.

    It has a journal, as UBIFS on real boards has one: after a power cut it is whole, with the files as they
    last reached it.
    """
    if flash_kib < 1024:
        raise EmulatorError(f"a flash of {flash_kib} KiB is too small", hint="1024 KiB at least")
    total_kib = flash_kib + _FIRST_GUESS_KIB
    for _ in range(2):  # how much the tables take is known once they are there
        free_kib = _format(image, total_kib)
        total_kib += flash_kib - free_kib
    if abs(_format(image, total_kib) - flash_kib) > flash_kib // 50:
        raise EmulatorError(f"mkfs.ext4 makes no file system of {flash_kib} KiB")


def _format(image: Path, total_kib: int) -> int:
    tool = shutil.which("mkfs.ext4", path=_SEARCH)
    if tool is None:
        raise EmulatorError("mkfs.ext4 is not installed", hint="apt-get install e2fsprogs")
    image.unlink(missing_ok=True)
    with image.open("wb") as file:
        file.truncate(total_kib * 1024)
    shape = ["-b", "1024", "-J", "size=1", "-m", "0", "-O", "^resize_inode", "-L", "customer"]
    now = ["-E", "lazy_itable_init=0,lazy_journal_init=0"]  # no writing in the background later
    ran = subprocess.run([tool, "-q", "-F", *shape, *now, image], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise EmulatorError(f"mkfs.ext4 failed: {ran.stderr.strip()}")
    with image.open("rb") as file:
        file.seek(_SUPERBLOCK + _FREE_BLOCKS_AT)
        (free_kib,) = struct.unpack("<I", file.read(4))
    return int(free_kib)
