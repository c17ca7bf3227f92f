"""Checksums taken on the board, with whatever applet it has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from deployer.board.base import Completed
from deployer.errors import TransferError

SCRIPT = r"""
t=size
if echo | sha256sum >/dev/null 2>&1; then t=sha256; elif echo | md5sum >/dev/null 2>&1; then t=md5; fi
echo "$t"
for f in "$@"; do
    m=-
    [ -x "$f" ] && m=x
    if [ ! -f "$f" ]; then
        echo absent
        continue
    elif [ $t = size ]; then
        v=$(wc -c <"$f")
    else
        v=$(${t}sum <"$f")
    fi
    echo "$m" $v
done
"""
"""First line: the kind of check; then a line a file: `absent`, or `x`/`-` and its value."""

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


def on_board(
    board: Remote, paths: Sequence[PurePosixPath], *, timeout_s: float = 120
) -> dict[PurePosixPath, Digest]:
    """Ask for the content of `paths`; those that are no files are left out. Raises TransferError."""
    found: dict[PurePosixPath, Digest] = {}
    for some in batches([str(p) for p in paths]):
        done = board.run(["sh", "-c", SCRIPT, "sh", *some], timeout_s=timeout_s)
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        if done.exit_status != 0 or len(lines) != 1 + len(some):
            said = (
                done.stderr.decode("utf-8", "replace").strip() or f"{len(lines)} lines for {len(some)} files"
            )
            raise TransferError(
                f"the board could not compute checksums: {said[-300:]}",
                hint="is its flash readable? `df` and `dmesg` on the board may tell",
            )
        for name, line in zip(some, lines[1:], strict=True):
            digest = _digest(board, name, lines[0], line, timeout_s)
            if digest is not None:
                found[PurePosixPath(name)] = digest
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


def _digest(board: Remote, name: str, kind: str, line: str, timeout_s: float) -> Digest | None:
    match line.split():
        case ["x" | "-" as mode, _] if kind == "size":  # no applet computes sums there: look ourselves
            content = board.run(["cat", name], timeout_s=timeout_s).stdout
            return Digest(
                algorithm="sha256", value=hashlib.sha256(content).hexdigest(), executable=mode == "x"
            )
        case ["x" | "-" as mode, value, *_]:
            return Digest(algorithm=kind, value=value, executable=mode == "x")
        case _:
            return None
