"""Checksums taken on the board, with whatever applet it has."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from deployer.board.base import Completed
from deployer.errors import TransferError

DIGESTS = r"""
digests() {
    t=size
    if echo | md5sum >/dev/null 2>&1; then t=md5; elif echo | sha256sum >/dev/null 2>&1; then t=sha256; fi
    echo "@$t"
    n=$#
    while [ "$n" -gt 0 ]; do
        f=$1
        shift
        n=$((n - 1))
        if [ ! -f "$f" ]; then
            echo absent
        else
            set -- "$@" "$f"
            if [ -x "$f" ]; then echo x; else echo -; fi
        fi
    done
    echo @sums
    [ $# -gt 0 ] || return 0
    if [ $t = size ]; then
        for f; do wc -c <"$f" || return 1; done
    elif [ $# -gt 1 ]; then
        f=$1
        shift
        ${t}sum "$@" | { ${t}sum "$f" && cat; }
    else
        ${t}sum "$1"
    fi
}
"""
"""`digests FILE...` prints the kind of check, a line a file (`absent`, or whether it can be started), `@sums`,
and a line a file that is there: one program reads the first of them, beside one that reads all others, as many
boards have two cores (so whoever asks names the largest first). The files' names begin with no dash. MD5 comes
first: what is looked for is damage, not a forger who could write to the board anyway, and on BusyBox it is three
times as quick as SHA-256 (which tells contents apart)."""

ARRIVED = "@arrived"
"""What a command says that goes on to compute checksums when what was sent is there."""

_KINDS = ("@sha256", "@md5", "@size")
_BLOCK_BYTES = 1 << 18
_hashing = threading.Lock()
_WORDS_BYTES = 60_000  # a command is one argument of the remote shell: 128 KiB at most, quoting included


class Remote(Protocol):
    """Something that runs a program: a `Board`."""

    def run(self, argv: Sequence[str], *, timeout_s: float) -> Completed: ...


@dataclass(frozen=True, kw_only=True)
class Digest:
    """What the board says of one file. `algorithm`: sha256 or md5."""

    algorithm: str
    value: str
    executable: bool

    def matches(self, source: Path) -> bool:
        """Whether a local file has the same content."""
        return file_digest(source, self.algorithm) == self.value


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """The checksum of a local file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def both(path: Path) -> tuple[str, str]:
    """SHA-256 and MD5 of a local file; for many boards read once, as long as it stays as it is."""
    about = path.stat()
    with _hashing:  # the other threads wait for the first one, in place of doing the same
        return _both(path, about.st_ino, about.st_size, about.st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def _both(path: Path, inode: int, size: int, mtime_ns: int) -> tuple[str, str]:
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            sha256.update(block)
            md5.update(block)
    return sha256.hexdigest(), md5.hexdigest()


def on_board(
    board: Remote, paths: Sequence[PurePosixPath], *, timeout_s: float = 120
) -> dict[PurePosixPath, Digest]:
    """Ask for the content of `paths`; those that are no files are left out. Raises TransferError."""
    found: dict[PurePosixPath, Digest] = {}
    for some in batches([str(p) for p in paths]):
        done = board.run(["sh", "-c", f'{DIGESTS}digests "$@"', "sh", *some], timeout_s=timeout_s)
        found |= answer(board, done, [PurePosixPath(name) for name in some], timeout_s=timeout_s)
    return found


def answer(
    board: Remote, done: Completed, paths: Sequence[PurePosixPath], *, timeout_s: float = 120
) -> dict[PurePosixPath, Digest]:
    """What `digests` printed about `paths`, perhaps after other lines. Raises TransferError."""
    lines = done.stdout.decode("utf-8", "replace").removesuffix("\n").split("\n")  # a name may hold U+2028
    start = next((n for n, line in enumerate(lines) if line in _KINDS), len(lines))
    modes = lines[start + 1 : start + 1 + len(paths)]
    there = [path for path, mode in zip(paths, modes, strict=False) if mode != "absent"]
    sums = lines[start + 2 + len(paths) :]
    if done.exit_status != 0 or len(modes) != len(paths) or len(sums) != len(there):
        said = done.stderr.decode("utf-8", "replace").strip() or f"{len(sums)} sums of {len(there)} files"
        raise TransferError(
            f"the board could not compute checksums: {said[-300:]}",
            hint="is its flash readable? `df` and `dmesg` on the board may tell",
        )
    executable = dict(zip(paths, (mode == "x" for mode in modes), strict=True))
    algorithm = lines[start].removeprefix("@")
    found = {}
    for path, line in zip(there, sums, strict=True):
        if algorithm == "size":  # no applet computes sums there: look ourselves
            content = board.run(["cat", str(path)], timeout_s=timeout_s).stdout
            found[path] = Digest(
                algorithm="sha256", value=hashlib.sha256(content).hexdigest(), executable=executable[path]
            )
        else:  # GNU marks a line whose name it had to escape
            value = line.lstrip("\\").partition(" ")[0]
            found[path] = Digest(algorithm=algorithm, value=value, executable=executable[path])
    return found


def batches(words: Sequence[str], *, group: int = 1) -> Iterator[list[str]]:
    """`words` in runs that fit one command line, never parting `group` neighbours."""
    batch: list[str] = []
    used = 0
    for start in range(0, len(words), group):
        some = words[start : start + group]
        size = sum(4 * len(w.encode("utf-8", "surrogateescape")) // 3 + 8 for w in some)
        if batch and used + size > _WORDS_BYTES:
            yield batch
            batch, used = [], 0
        batch += some
        used += size
    if batch:
        yield batch
