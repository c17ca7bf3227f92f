"""What a board keeps: `deploy status`, `deploy rollback` and `deploy gc`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from board_runner.errors import UsageError
from deployer.board.base import Board
from deployer.board.files import digests
from deployer.errors import TransferError
from deployer.events import Emit, Finished, ignore
from deployer.release import activate, check, survey
from deployer.release.survey import Inventory, OnBoard

ROLLBACK = "rollback"
GC = "gc"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A release on the board. `damaged` names files whose content is not what the release says."""

    id: str
    files: int
    bytes: int
    damaged: tuple[PurePosixPath, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Status:
    """What lies below a board's directory. `staging_bytes`: pushes that were cut off, to be gone on with.

    `unused_bytes` is what `deploy gc` would free, staging included. `lock` says in words who is at work.
    """

    board: str
    directory: PurePosixPath
    current: Kept | None
    previous: str | None
    releases: tuple[str, ...]
    staging_bytes: int
    unused_bytes: int
    free_kib: dict[str, int | None]
    lock: str | None


@dataclass(frozen=True, kw_only=True)
class RolledBack:
    """A step back, or what it would be."""

    board: str
    before: str
    release: str
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What `gc` took away, or would."""

    board: str
    removed: tuple[PurePosixPath, ...]
    bytes: int
    dry_run: bool = False


def status(board: Board) -> Status:
    """What the board holds, the current release checked by content. Raises TransferError, BoardUnreachable."""
    there = look(board)
    going = activate.unused(there, activate.kept(there, board.config.keep), staging=True)
    current = there.releases.get(there.current or "")
    return Status(
        board=board.name,
        directory=there.directory,
        current=None if current is None else _checked(board, current),
        previous=current.previous if current and current.previous in there.releases else None,
        releases=tuple(there.releases),
        staging_bytes=sum(sum(place.staged.values()) for place in there.places),
        unused_bytes=_bytes(there, going),
        free_kib={str(place.path): place.free_kib for place in there.places},
        lock=_lock_words(there),
    )


def rollback(board: Board, *, dry_run: bool = False, emit: Emit = ignore) -> RolledBack:
    """Make the release before the current one current again, once its content has been checked.

    Raises UsageError where there is none, TransferError where it is damaged, BoardBusy.
    """
    directory = board.config.directory
    if dry_run:
        there = look(board)
        return _step_back(board, there, dry_run=True)
    places = board.config.places.values()
    with survey.locked(board, directory, places, "deploy rollback", emit=emit) as there:
        step = _step_back(board, there, dry_run=False)
        activate.switch(board, directory, step.release)
    emit(Finished(step=ROLLBACK, note=f"{step.before} -> {step.release}"))
    return step


def collect(board: Board, *, dry_run: bool = False, emit: Emit = ignore) -> Collected:
    """Remove cut-off transfers, releases beyond `keep:` and contents that nothing needs. Raises BoardBusy."""
    if dry_run:
        there = look(board)
        return _garbage(board, there, dry_run=True)
    directory, places = board.config.directory, board.config.places.values()
    with survey.locked(board, directory, places, "deploy gc", emit=emit) as there:
        found = _garbage(board, there, dry_run=False)
        activate.remove(board, there, found.removed)
    emit(Finished(step=GC, note=f"{len(found.removed)} files and folders, {found.bytes} bytes"))
    return found


def look(board: Board) -> Inventory:
    """Everything below the board's directory and places."""
    return survey.inspect(board, board.config.directory, board.config.places.values())


def _step_back(board: Board, there: Inventory, *, dry_run: bool) -> RolledBack:
    current = there.releases.get(there.current or "")
    if current is None:
        raise UsageError(f"{board.name}: there is no release to go back from", hint="deploy push")
    before = there.releases.get(current.previous or "")
    if before is None or before.manifest is None:
        raise UsageError(
            f"{board.name}: no release before {current.id} is kept there",
            hint="`keep: 1` (the default) keeps one where two fit; push the former files again instead",
        )
    damaged = _checked(board, before).damaged
    if damaged:
        which = ", ".join(map(str, damaged[:3]))
        raise TransferError(
            f"{board.name}: release {before.id} is damaged: {which}; nothing was changed",
            hint="parts in RAM are lost at a restart: push the former files again instead",
        )
    return RolledBack(board=board.name, before=current.id, release=before.id, dry_run=dry_run)


def _checked(board: Board, release: OnBoard) -> Kept:
    if release.manifest is None:
        return Kept(id=release.id, files=0, bytes=0, damaged=(PurePosixPath("(its manifest)"),))
    entries = release.manifest.entries
    root = board.config.directory / "releases" / release.id
    found = digests.on_board(board, [root / e.name for e in entries])
    damaged = [e.name for e in entries if not check.matches(found.get(root / e.name), e)]
    return Kept(
        id=release.id,
        files=len(entries),
        bytes=sum({e.content: e.size_bytes for e in entries}.values()),
        damaged=tuple(damaged),
    )


def _garbage(board: Board, there: Inventory, *, dry_run: bool) -> Collected:
    going = activate.unused(there, activate.kept(there, board.config.keep), staging=True)
    return Collected(board=board.name, removed=tuple(going), bytes=_bytes(there, going), dry_run=dry_run)


def _bytes(there: Inventory, going: list[PurePosixPath]) -> int:
    sizes = {
        place.path / folder / name: size
        for place in there.places
        for folder, names in (("store", place.stored), ("staging", place.staged))
        for name, size in names.items()
    }
    return sum(sizes.get(path, 0) for path in going)


def _lock_words(there: Inventory) -> str | None:
    holder = there.holder
    if holder is None:
        return None
    age = holder.age_s(there.boot_id, there.uptime_s)
    words = f"{holder.purpose} by {holder.user} on {holder.machine} (process {holder.pid})"
    since = "since before its last start" if age is None else f"for {age:.0f} s"
    dead = holder.is_dead(there.boot_id)
    return f"{words}, {since}" + (f"; stale: {dead}" if dead else "")
