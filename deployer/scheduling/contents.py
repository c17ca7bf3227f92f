"""Files by content: a worker's machine keeps what was sent to it once, and later tasks find it there."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from deployer.board.access.hostkeys import state_dir
from deployer.board.files import digests
from deployer.errors import ClusterFailed

PART_BYTES = 4 << 20
"""What travels at once: it passes through the scheduler's memory."""

KEPT_S = 30 * 24 * 3600.0
"""What no task has asked for in so long goes when something new arrives."""


def path_of(sha256: str) -> Path:
    """Where a content lies on this machine, or would."""
    return _folder() / sha256


def lacking(contents: Iterable[str]) -> tuple[str, ...]:
    """Those that this machine does not have; those that it has are kept for longer."""
    missing = []
    for sha256 in dict.fromkeys(contents):
        try:
            os.utime(path_of(sha256))
        except FileNotFoundError:
            missing.append(sha256)
    return tuple(missing)


def parts(source: Path) -> Iterator[tuple[bytes, bool]]:
    """A file in pieces, and whether each is the last; an empty file is one empty piece."""
    with source.open("rb") as file:
        piece = file.read(PART_BYTES)
        while True:
            following = file.read(PART_BYTES)
            yield piece, not following
            if not following:
                return
            piece = following


def take(sha256: str, piece: bytes, *, sender: str, first: bool, last: bool) -> None:
    """Append a piece; with the last the content is there, whole and proven. Raises ClusterFailed."""
    part = _folder() / f".{sha256}.{sender}"
    if first:
        part.parent.mkdir(parents=True, exist_ok=True)
        _forget()
    with part.open("wb" if first else "ab") as file:
        file.write(piece)
    if not last:
        return
    if digests.file_digest(part) != sha256:
        part.unlink()
        raise ClusterFailed(
            "a file arrived at a worker as another than was sent",
            hint="did it change meanwhile? run it again",
        )
    part.replace(path_of(sha256))


def _forget() -> None:
    until = time.time() - KEPT_S
    for path in _folder().iterdir():
        with contextlib.suppress(FileNotFoundError):  # two workers of one machine
            if path.stat().st_mtime < until:
                path.unlink()


def _folder() -> Path:
    return state_dir() / "contents"
