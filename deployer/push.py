"""Put program, model and wavs into `DIRECTORY/current/` on a board: only what differs, each file whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from board_runner.errors import UsageError
from deployer.board import digests
from deployer.board.base import Board, BoardFacts, Upload
from deployer.board.transfer import PART
from deployer.errors import MissingArtifact, NoSpace, TransferError
from deployer.events import Advanced, Emit, Finished, Started, Warned, ignore

STEP = "push"
CURRENT = "current"
"""Where under the board's directory the vendor's names lie."""

_SLACK_KIB = 64
_BLOCK_KIB = 4
_TIMEOUT_S = 60.0

SWEEP = f"""
for d in "$@"; do
    for f in "$d"/*{PART}* "$d"/.*{PART}*; do
        if [ -f "$f" ]; then rm -f "$f"; fi
    done
done
exit 0
"""


@dataclass(frozen=True, kw_only=True)
class BoardFile:
    """A local file and its name below `current/` (`models/eat.img`)."""

    source: Path
    name: PurePosixPath
    executable: bool = False


@dataclass(frozen=True, kw_only=True)
class OnBoard:
    """A file that is there; `sha256` of a content we know, or empty for another one."""

    sha256: str
    executable: bool


@dataclass(frozen=True, kw_only=True)
class PushReport:
    """What a push has done or, with `dry_run`, would do."""

    sent: tuple[PurePosixPath, ...]
    unchanged: tuple[PurePosixPath, ...]
    bytes: int
    duration_ms: float
    directory: PurePosixPath
    dry_run: bool = False


def plan(wanted: Sequence[Upload], on_board: Mapping[PurePosixPath, OnBoard]) -> list[Upload]:
    """Those of `wanted` that are missing on the board, differ there, or cannot be started."""
    return [upload for upload in wanted if not _is_there(upload, on_board.get(upload.target))]


def check_chip(artifact_chip: str | None, facts: BoardFacts, *, emit: Emit = ignore) -> None:
    """Refuse a board that is proven to be of another chip; warn when either is unknown. Raises UsageError."""
    if artifact_chip is None or facts.chip is None:
        which = "the model's" if artifact_chip is None else "the board's"
        emit(Warned(step=STEP, message=f"{which} chip is unknown: whether they fit shows only when it runs"))
    elif artifact_chip.lower() != facts.chip.lower():
        raise UsageError(
            f"the model is for {artifact_chip}, the board is a {facts.chip}; nothing was sent",
            hint=f"convert it with `chip: {facts.chip}`, or choose another board; "
            "`chip:` of the board in deploy.yaml corrects a wrong guess",
        )


def push(
    board: Board,
    files: Sequence[BoardFile],
    directory: PurePosixPath,
    *,
    dry_run: bool = False,
    emit: Emit = ignore,
) -> PushReport:
    """Bring `DIRECTORY/current/` up to date. What is there already is told by content, on the board.

    Raises MissingArtifact and UsageError before the board is touched; NoSpace when it has no room (the board
    is unchanged), TransferError, BoardUnreachable.
    """
    started = time.monotonic()
    wanted = uploads(files, directory / CURRENT)
    on_board = survey(board, wanted)
    todo = plan(wanted, on_board)
    total_bytes = sum(upload.source.stat().st_size for upload in todo)
    emit(Started(step=STEP, total=total_bytes, unit="B"))
    if todo:
        check_space(todo, board.facts(directory), directory)
        if not dry_run:
            sweep(board, wanted)
            board.push(todo, on_bytes=_progress(total_bytes, emit))
    verb = "would send" if dry_run else "sent"
    same = len(wanted) - len(todo)
    emit(Finished(step=STEP, note=f"{verb} {len(todo)} files, {total_bytes} bytes; {same} unchanged"))
    root = directory / CURRENT
    sent = {upload.target for upload in todo}
    return PushReport(
        sent=tuple(u.target.relative_to(root) for u in todo),
        unchanged=tuple(u.target.relative_to(root) for u in wanted if u.target not in sent),
        bytes=total_bytes,
        duration_ms=1000 * (time.monotonic() - started),
        directory=root,
        dry_run=dry_run,
    )


def uploads(files: Sequence[BoardFile], root: PurePosixPath) -> list[Upload]:
    """Where each file goes. Raises MissingArtifact, UsageError for a name that is twice or leaves `root`."""
    seen: set[PurePosixPath] = set()
    wanted = []
    for file in files:
        name = file.name
        if (
            name.is_absolute()
            or ".." in name.parts
            or not name.parts
            or any(c in str(name) for c in "\n\r\0")
        ):
            raise UsageError(
                f"{str(name)!r} is no name for a file on the board",
                hint="relative names without `..` and line breaks",
            )
        if name in seen:
            raise UsageError(f"two files would become {name} on the board", hint="rename one of them")
        if not file.source.is_file():
            raise MissingArtifact(f"{file.source}: no such file", hint="`deploy all` makes what is missing")
        seen.add(name)
        wanted.append(
            Upload(
                source=file.source,
                target=root / name,
                sha256=digests.file_digest(file.source),
                executable=file.executable,
            )
        )
    return wanted


def survey(board: Board, wanted: Sequence[Upload]) -> dict[PurePosixPath, OnBoard]:
    """What lies at the targets, in one command."""
    found = digests.on_board(board, [upload.target for upload in wanted])
    there = {}
    for upload in wanted:
        digest = found.get(upload.target)
        if digest is None:
            continue
        if digest.algorithm == "sha256":
            sha256 = digest.value
        else:
            sha256 = upload.sha256 if digest.matches(upload.source) else ""
        there[upload.target] = OnBoard(sha256=sha256, executable=digest.executable)
    return there


def check_space(todo: Sequence[Upload], facts: BoardFacts, directory: PurePosixPath) -> None:
    """Old and new lie side by side for a moment, so the new must fit whole. Raises NoSpace."""
    sizes_kib = [-(-u.source.stat().st_size // (1024 * _BLOCK_KIB)) * _BLOCK_KIB for u in todo]
    needed_kib = sum(sizes_kib) + _SLACK_KIB
    if facts.free_kib is not None and facts.free_kib < needed_kib:
        raise NoSpace(
            f"no room in {directory}: {needed_kib} KiB needed, {facts.free_kib} KiB free; nothing was sent",
            hint="delete files on the board, or set `directory:` of this board to a larger file system",
        )


def sweep(board: Board, wanted: Sequence[Upload]) -> None:
    """Take away what cut transfers left in the folders of `wanted`. Raises TransferError."""
    folders = sorted({str(upload.target.parent) for upload in wanted})
    for some in digests.batches(folders):
        done = board.run(["sh", "-c", SWEEP, "sh", *some], timeout_s=_TIMEOUT_S)
        if done.exit_status != 0:
            raise TransferError("leftovers of an earlier push cannot be removed", hint="look at the board")


def _is_there(upload: Upload, there: OnBoard | None) -> bool:
    return there is not None and there.sha256 == upload.sha256 and (there.executable or not upload.executable)


def _progress(total_bytes: int, emit: Emit) -> Callable[[int], None]:
    done_bytes = 0

    def advance(count: int) -> None:
        nonlocal done_bytes
        done_bytes += count
        emit(Advanced(step=STEP, done=done_bytes, total=total_bytes))

    return advance
