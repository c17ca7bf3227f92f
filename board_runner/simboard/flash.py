"""How full the simulated board is, and the SFTP server that refuses to overfill it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh

STATE_FOLDER = ".simboard"
"""Keys and applets of the simulation itself: not on the board's flash."""


class Flash:
    """Bytes of the board's files against its declared size."""

    def __init__(self, root: Path, size_kib: int) -> None:
        self.root = root
        self.size_bytes = size_kib * 1024
        self.used_bytes = 0

    def measure(self) -> None:
        """Count anew; programs on the board write without telling us."""
        self.used_bytes = _tree_bytes(self.root)

    def grow(self, by_bytes: int) -> None:
        """Take `by_bytes` more. Raises OSError(ENOSPC) when they do not fit."""
        if by_bytes > 0 and self.used_bytes + by_bytes > self.size_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.used_bytes += by_bytes


class BoardSftp(asyncssh.SFTPServer):
    """SFTP that sees the board's directory as `/`."""

    def __init__(
        self, chan: Any, *, flash: Flash, on_received: Callable[[int], None], on_open: Callable[[], None]
    ) -> None:
        super().__init__(chan, chroot=os.fsencode(flash.root))
        self._flash = flash
        self._on_received = on_received
        self._on_open = on_open

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        """Open a file, with the board's nodes and use of flash up to date."""
        self._on_open()
        self._flash.measure()
        return super().open(path, pflags, attrs)

    def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        """Write where room is left. Raises OSError(ENOSPC)."""
        self._on_received(len(data))
        file_obj.flush()
        size_bytes = os.fstat(file_obj.fileno()).st_size
        self._flash.grow(max(0, offset + len(data) - size_bytes))
        written: int = super().write(file_obj, offset, data)  # type: ignore[assignment]
        return written


def _tree_bytes(folder: Path) -> int:
    total = 0
    for parent, folders, names in os.walk(folder):
        if STATE_FOLDER in folders:
            folders.remove(STATE_FOLDER)
        for name in names:
            try:
                total += (Path(parent) / name).lstat().st_size
            except FileNotFoundError:
                continue
    return total
