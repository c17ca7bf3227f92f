"""Make program, model and wavs the board's current release: only what it lacks travels, nothing half is run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from board_runner.errors import UsageError
from deployer.board.base import Board, BoardFacts
from deployer.errors import TransferError
from deployer.events import Advanced, Emit, Finished, Started, Warned, ignore
from deployer.release import activate, contents, manifest, space, survey
from deployer.release.manifest import BoardFile, Entry, Manifest
from deployer.release.survey import Inventory, OnBoard
from deployer.running import abi

__all__ = ["BoardFile", "PushReport", "check_chip", "push"]

STEP = "push"
CURRENT = "current"
"""Where under the board's directory the vendor's names lie."""


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
    task = _Task(board=board, directory=directory, wanted=wanted, sources=sources, emit=emit)
    if survey.is_current(board, directory, wanted):
        emit(Started(step=STEP, total=0, unit="B"))
        emit(Finished(step=STEP, note=f"nothing sent, {len(wanted.entries)} files unchanged"))
        return task.report(sending=[], previous=None, started=started, dry_run=dry_run)
    if chip is not None:
        facts = board.facts(directory)
        # what a model is for takes a moment to find out, and is no use where the board does not tell its chip
        check_chip(chip() if facts.chip is not None else None, facts, emit=emit)
        abi.check(files, facts)
    if dry_run:
        there = survey.inspect(board, directory, [entry.place for entry in wanted.entries])
        sending, fit = task.plan(there, replace=replace)
        note = f"would send {len(sending)} files, {sum(e.size_bytes for e in sending)} bytes"
        emit(Finished(step=STEP, note=f"{note}; {fit.note}" if fit.note else note))
        return task.report(sending=sending, previous=there.current, started=started, dry_run=True)
    places = [entry.place for entry in wanted.entries]
    with survey.locked(board, directory, places, "deploy push", emit=emit) as there:
        sending, previous = task.carry_out(there, replace=replace)
    return task.report(sending=sending, previous=previous, started=started, dry_run=False)


@dataclass(frozen=True, kw_only=True)
class _Task:
    """One push to one board."""

    board: Board
    directory: PurePosixPath
    wanted: Manifest
    sources: Mapping[str, Path]
    emit: Emit

    def plan(self, there: Inventory, *, replace: bool) -> tuple[list[Entry], space.Fit]:
        """Which entries must travel, and how they fit. Raises NoSpace, UsageError for a foreign `current`."""
        if there.foreign:
            raise UsageError(
                f"{self.directory}/{CURRENT} on {self.board.name} is not a link: deploy did not make it",
                hint=f"move it away, or set `directory:` of {self.board.name} to another place",
            )
        good = contents.reusable(self.board, there, self._unique)
        sending = [e for e in self._unique if e.content not in good]
        keep = self.board.config.keep
        return sending, space.fit(there, self.wanted, sending, keep=keep, replace=replace)

    def carry_out(self, there: Inventory, *, replace: bool) -> tuple[list[Entry], str | None]:
        """Send, verify, settle, switch, tidy up. Gives what travelled, and the release to go back to."""
        sending, fit = self.plan(there, replace=replace)
        there = self._make_room(there, fit)
        self._send(there, sending)
        travelled = {e.content for e in sending}
        settling = [
            e for e in self._unique if e.content in travelled or e.content not in there.place(e.place).stored
        ]
        previous = self.previous_of(there)
        by_tar = "tar" in there.tools and self.board.config.transfer in ("auto", "tar")
        activate.activate(self.board, self.directory, self.wanted, settling, previous=previous, by_tar=by_tar)
        self._tidy(there)
        return sending, previous

    @property
    def _unique(self) -> list[Entry]:
        return list({e.content: e for e in self.wanted.entries}.values())

    def previous_of(self, there: Inventory) -> str | None:
        """The release to go back to after this push."""
        if there.current == self.wanted.id:
            return there.releases[self.wanted.id].previous if self.wanted.id in there.releases else None
        return there.current if self.board.config.keep else None

    def report(
        self, *, sending: Sequence[Entry], previous: str | None, started: float, dry_run: bool
    ) -> PushReport:
        """What was done, by the names in the release."""
        travelled = {e.content for e in sending}
        return PushReport(
            sent=tuple(e.name for e in self.wanted.entries if e.content in travelled),
            unchanged=tuple(e.name for e in self.wanted.entries if e.content not in travelled),
            bytes=sum(e.size_bytes for e in sending),
            duration_ms=1000 * (time.monotonic() - started),
            directory=self.directory / CURRENT,
            release=self.wanted.id,
            previous=previous,
            dry_run=dry_run,
        )

    def _make_room(self, there: Inventory, fit: space.Fit) -> Inventory:
        if not fit.drop:
            return there
        self.emit(Warned(step=STEP, message=f"{self.board.name}: {fit.note}"))
        if fit.replaces:
            activate.take_down(self.board, self.directory)
        staying = [name for name in there.releases if name not in fit.drop]
        going = activate.unused(there, staying, also={e.content for e in self.wanted.entries})
        activate.remove(self.board, there, going)
        return replace(
            there,
            current=None if fit.replaces else there.current,
            releases={name: there.releases[name] for name in staying},
        )

    def _send(self, there: Inventory, sending: Sequence[Entry]) -> None:
        total = sum(e.size_bytes for e in sending)
        done = sum(contents.arrived_bytes(there, e) for e in sending)
        self.emit(Started(step=STEP, total=total, unit="B"))
        if done:
            self.emit(Advanced(step=STEP, done=done, total=total, note="going on where it was cut off"))

        def advance(count: int) -> None:
            nonlocal done
            done += count
            self.emit(Advanced(step=STEP, done=done, total=total))

        if sending:
            contents.send(
                self.board,
                there,
                sending,
                self.sources,
                on_bytes=advance,
                progress_lost=lambda count: advance(-count),
            )
        same = len(self.wanted.entries) - len(sending)
        self.emit(Finished(step=STEP, note=f"sent {len(sending)} files, {total} bytes; {same} unchanged"))

    def _tidy(self, there: Inventory) -> None:
        """Releases beyond `keep:` go, and what only they held; a failure here spoils nothing."""
        old = {
            self.wanted.id: OnBoard(id=self.wanted.id, manifest=self.wanted, previous=self.previous_of(there))
        }
        after = replace(there, current=self.wanted.id, releases={**there.releases, **old})
        going = activate.unused(after, activate.kept(after, self.board.config.keep))
        try:
            activate.remove(self.board, there, going)
        except TransferError as e:
            self.emit(Warned(step=STEP, message=f"{self.board.name}: old releases could not be removed: {e}"))
