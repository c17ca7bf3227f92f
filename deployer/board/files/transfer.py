"""Files to and from a board: written beside their place, checked there, synced, then renamed."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from deployer.board.base import Board, Completed, Upload
from deployer.board.facts import free_kib
from deployer.board.files import digests, streams
from deployer.board.files.streams import OnBytes, Piece
from deployer.errors import BoardUnreachable, NoSpace, TransferError

PART = ".part-"
"""What marks a file under way; `push` takes such leftovers away."""

_PULL_TIMEOUT_S = 600.0

PREPARE = r"""
n=$1; shift
while [ "$n" -gt 0 ]; do mkdir -p "$1" || exit 1; shift; n=$((n - 1)); done
for f in "$@"; do
    if [ -d "$f" ]; then echo "$f: is a directory" >&2; exit 1; fi
done
"""

PLACE = r"""
sync
while [ $# -ge 3 ]; do
    chmod "$1" "$2" && mv -f "$2" "$3" || exit 1
    shift 3
done
sync
"""
"""Arguments: mode, part, target, and so on. The first `sync` is there because a file that was renamed before
its bytes were on flash is lost at a power cut."""


def push(remote: Board, uploads: Sequence[Upload], *, on_bytes: OnBytes | None = None) -> None:
    """Place files, each complete or absent. Raises TransferError, NoSpace, BoardUnreachable."""
    if not uploads:
        return
    for upload in uploads:
        _check_target(upload.target)
    _prepare(remote, uploads)
    parts = {upload.target: _part_name(upload.target) for upload in uploads}
    try:
        for upload in uploads:
            _write(remote, upload, parts[upload.target], on_bytes or (lambda _: None))
        _verify(remote, uploads, parts)
        _place(remote, uploads, parts)
    except BaseException:
        with contextlib.suppress(BoardUnreachable):
            for some in digests.batches([str(p) for p in parts.values()]):
                remote.script('rm -f "$@"', *some, timeout_s=30)
        raise


def pull(remote: Board, source: PurePosixPath, target: Path) -> None:
    """Fetch one file, whole or not at all. Raises TransferError, BoardUnreachable."""
    _check_target(source)
    known = digests.on_board(remote, [source]).get(source)
    if known is None:
        raise TransferError(f"{source}: no such file on {remote.address}", hint="`deploy push` first?")
    part = target.with_name(f"{target.name}{PART}{secrets.token_hex(4)}")
    try:
        with part.open("wb") as file:
            _read(remote, source, file.write)
        if not known.matches(part):
            raise TransferError(f"{source}: damaged on its way from {remote.address}", hint="try again")
        part.replace(target)
    except OSError as e:
        raise TransferError(f"{target}: {e.strerror or e}", hint="is there room, may you write there?") from e
    finally:
        part.unlink(missing_ok=True)


def _read(remote: Board, source: PurePosixPath, write: Callable[[bytes], object]) -> None:
    def take(stream: str, data: bytes) -> None:
        if stream == "stdout":
            write(data)

    done = remote.run(["cat", str(source)], timeout_s=_PULL_TIMEOUT_S, on_output=take)
    if done.exit_status != 0:
        said = streams.said(done)
        raise TransferError(f"{source}: cannot be read on {remote.address}: {said}", hint="try again")


def _check_target(target: PurePosixPath) -> None:
    if not target.is_absolute() or ".." in target.parts or any(c in str(target) for c in "\n\r\0"):
        raise TransferError(
            f"{str(target)!r} is no place for a file on a board",
            hint="absolute, without `..` and line breaks",
        )


def _part_name(target: PurePosixPath) -> PurePosixPath:
    """`NAME.part-XXXXXXXX`, the name cut where a file name would get too long (255 bytes)."""
    suffix = f"{PART}{secrets.token_hex(4)}"
    name = target.name.encode("utf-8", "surrogateescape")[: 255 - len(suffix)].decode("utf-8", "ignore")
    return target.with_name(f"{name}{suffix}")


def _prepare(remote: Board, uploads: Sequence[Upload]) -> None:
    folders = sorted({str(u.target.parent) for u in uploads})
    for some in digests.batches(folders):
        _insist(remote, remote.script(PREPARE, str(len(some)), *some, timeout_s=30), uploads)
    for some in digests.batches([str(u.target) for u in uploads]):
        _insist(remote, remote.script(PREPARE, "0", *some, timeout_s=30), uploads)


def _write(remote: Board, upload: Upload, part: PurePosixPath, on_bytes: OnBytes) -> None:
    """Bytes beside their place: by `cat`, which every board has that has a shell."""
    piece = Piece(source=upload.source, target=part, end_bytes=upload.source.stat().st_size)
    try:
        streams.send(remote, [piece], method="cat", on_bytes=on_bytes)
    except TransferError as e:
        raise _failure(remote, [upload], f"{upload.target}: {e}") from e


def _verify(remote: Board, uploads: Sequence[Upload], parts: dict[PurePosixPath, PurePosixPath]) -> None:
    """Compare what lies on the board with what was sent, by content."""
    found = digests.on_board(remote, list(parts.values()))
    for upload in uploads:
        there = found.get(parts[upload.target])
        if there is not None and there.algorithm == "sha256" and there.value == upload.sha256:
            continue
        if there is not None and there.algorithm != "sha256" and there.matches(upload.source):
            continue
        if hashlib.sha256(upload.source.read_bytes()).hexdigest() != upload.sha256:
            raise TransferError(f"{upload.source}: changed while it was sent", hint="push again")
        raise _failure(remote, uploads, f"{upload.target}: what arrived differs from what was sent")


def _place(remote: Board, uploads: Sequence[Upload], parts: dict[PurePosixPath, PurePosixPath]) -> None:
    words = [
        word
        for u in uploads
        for word in ("755" if u.executable else "644", str(parts[u.target]), str(u.target))
    ]
    for some in digests.batches(words, group=3):
        _insist(remote, remote.script(PLACE, *some, timeout_s=120), uploads)


def _insist(remote: Board, done: Completed, uploads: Sequence[Upload]) -> None:
    if done.exit_status == 0:
        return
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    raise _failure(remote, uploads, said[-1] if said else f"exit status {done.exit_status}")


def _failure(remote: Board, uploads: Sequence[Upload], reason: str) -> TransferError:
    """NoSpace where the file system is full, whatever the server called it (SFTP says just `Failure`).

    Raises BoardUnreachable where the fault was the connection's.
    """
    needed_kib = sum(-(-u.source.stat().st_size // 1024) for u in uploads)
    folder = uploads[0].target.parent
    free = free_kib(remote.run(["df", "-k", str(folder)], timeout_s=30).stdout)
    if "No space left" in reason or (free is not None and free < needed_kib):
        return NoSpace(
            f"{remote.address}: no room in {folder}: {needed_kib} KiB to send, {free} KiB free",
            hint=f"delete files there, or set `directory:` of this board to a larger file system ({reason})",
        )
    return TransferError(
        f"{remote.address}: {reason}", hint="may the user write there, is the file system mounted read-only?"
    )
