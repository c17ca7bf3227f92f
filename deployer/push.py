"""Make program, model and wavs the board's current release: only what it lacks travels, nothing half is run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from board_runner.errors import UsageError
from deployer.board.base import Board, BoardFacts
from deployer.events import Emit, Finished, Started, Warned, ignore
from deployer.release import check, manifest
from deployer.release.manifest import CURRENT, STEP, BoardFile, Entry, Manifest

__all__ = ["CURRENT", "STEP", "BoardFile", "PushReport", "check_chip", "push"]


@dataclass(frozen=True, kw_only=True)
class PushReport:
    """What a push has done or, with `dry_run`, would do.

    `release` is the current release's id afterwards; `previous` the one `deploy rollback` would go back to.
    """

    sent: tuple[PurePosixPath, ...]
    unchanged: tuple[PurePosixPath, ...]
    bytes: int
    duration_ms: float
    directory: PurePosixPath
    release: str
    previous: str | None = None
    dry_run: bool = False


def check_chip(artifact_chip: str | None, facts: BoardFacts, *, emit: Emit = ignore) -> None:
    """Refuse a board that is proven to be of another chip; warn when either is unknown. Raises UsageError."""
    if artifact_chip is None or facts.chip is None:
        which = "the board's" if facts.chip is None else "the model's"
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
    chip: Callable[[], str] | None = None,
    dry_run: bool = False,
    replace: bool = False,
    emit: Emit = ignore,
) -> PushReport:
    """Make `files` the current release. Where they are already, told by content on the board, one command says so.

    `chip` tells the chip the model is for, and is asked when something is to be sent; a board proven to be of
    another is refused. `replace` allows the present release to go first where two do not fit.

    Raises MissingArtifact and UsageError before anything is sent; NoSpace when the board has no room (it is
    unchanged), BoardBusy, TransferError, BoardUnreachable. Until the end the former release stays current.
    """
    started = time.monotonic()
    wanted, sources = manifest.of(files, directory, board.config.places)
    found = check.standing(board, directory, wanted, asks=chip is not None)
    if found.is_current:
        emit(Started(step=STEP, total=0, unit="B"))
        emit(Finished(step=STEP, note=f"nothing sent, {len(wanted.entries)} files unchanged"))
        return _report(wanted, directory, sending=[], previous=None, started=started, dry_run=dry_run)
    if chip is not None:
        from deployer.running import abi

        facts = found.facts or board.facts(directory)
        # what a model is for takes a moment to find out, and is no use where the board does not tell its chip
        check_chip(chip() if facts.chip is not None else None, facts, emit=emit)
        abi.check(files, facts)
    from deployer.release import survey  # from here on: a push that finds nothing to do needs none of it
    from deployer.release.task import Task

    task = Task(board=board, directory=directory, wanted=wanted, sources=sources, emit=emit)
    places = [entry.place for entry in wanted.entries]
    if dry_run:
        there = survey.inspect(board, directory, places)
        sending, fit = task.plan(there, replace=replace)
        note = f"would send {len(sending)} files, {sum(e.size_bytes for e in sending)} bytes"
        emit(Finished(step=STEP, note=f"{note}; {fit.note}" if fit.note else note))
        previous = there.current
    else:
        with survey.locked(board, directory, places, "deploy push", emit=emit) as there:
            sending, previous = task.carry_out(there, replace=replace)
    return _report(wanted, directory, sending=sending, previous=previous, started=started, dry_run=dry_run)


def _report(
    wanted: Manifest,
    directory: PurePosixPath,
    *,
    sending: Sequence[Entry],
    previous: str | None,
    started: float,
    dry_run: bool,
) -> PushReport:
    """What was done, by the names in the release."""
    travelled = {e.content for e in sending}
    return PushReport(
        sent=tuple(e.name for e in wanted.entries if e.content in travelled),
        unchanged=tuple(e.name for e in wanted.entries if e.content not in travelled),
        bytes=sum(e.size_bytes for e in sending),
        duration_ms=1000 * (time.monotonic() - started),
        directory=directory / CURRENT,
        release=wanted.id,
        previous=previous,
        dry_run=dry_run,
    )
