"""One push to one board where something differs: what must travel, how it fits, and all steps to its release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from board_runner.errors import UsageError
from deployer.board.base import Board
from deployer.errors import TransferError
from deployer.events import Advanced, Emit, Finished, Started, Warned
from deployer.release import activate, contents, space
from deployer.release.manifest import CURRENT, STEP, Entry, Manifest
from deployer.release.survey import Inventory, OnBoard


@dataclass(frozen=True, kw_only=True)
class Task:
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
        synced = self._send(there, sending)
        travelled = {e.content for e in sending}
        settling = [
            e for e in self._unique if e.content in travelled or e.content not in there.place(e.place).stored
        ]
        previous = self.previous_of(there)
        by_tar = "tar" in there.tools and self.board.config.transfer in ("auto", "tar")
        going = self._unneeded(there)
        activate.activate(
            self.board,
            self.directory,
            self.wanted,
            settling,
            previous=previous,
            by_tar=by_tar,
            letting_go=None if going else there.held,
            synced=synced and len(settling) == len(sending),
        )
        self._tidy(there, going)
        return sending, previous

    @property
    def _unique(self) -> list[Entry]:
        return list({e.content: e for e in self.wanted.entries}.values())

    def previous_of(self, there: Inventory) -> str | None:
        """The release to go back to after this push."""
        if there.current == self.wanted.id:
            return there.releases[self.wanted.id].previous if self.wanted.id in there.releases else None
        return there.current if self.board.config.keep else None

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

    def _send(self, there: Inventory, sending: Sequence[Entry]) -> bool:
        """Whether all of it is on flash too."""
        total = sum(e.size_bytes for e in sending)
        done = sum(contents.arrived_bytes(there, e) for e in sending)
        self.emit(Started(step=STEP, total=total, unit="B"))
        if done:
            self.emit(Advanced(step=STEP, done=done, total=total, note="going on where it was cut off"))

        def advance(count: int) -> None:
            nonlocal done
            done += count
            self.emit(Advanced(step=STEP, done=done, total=total))

        synced = False
        if sending:
            synced = contents.send(
                self.board,
                there,
                sending,
                self.sources,
                on_bytes=advance,
                progress_lost=lambda count: advance(-count),
            )
        same = len(self.wanted.entries) - len(sending)
        self.emit(Finished(step=STEP, note=f"sent {len(sending)} files, {total} bytes; {same} unchanged"))
        return synced

    def _unneeded(self, there: Inventory) -> list[PurePosixPath]:
        """Releases beyond `keep:`, and what only they hold, once the wanted one is current."""
        old = {
            self.wanted.id: OnBoard(id=self.wanted.id, manifest=self.wanted, previous=self.previous_of(there))
        }
        after = replace(there, current=self.wanted.id, releases={**there.releases, **old})
        return activate.unused(after, activate.kept(after, self.board.config.keep))

    def _tidy(self, there: Inventory, going: Sequence[PurePosixPath]) -> None:
        """Take away what is not needed; a failure here spoils nothing."""
        try:
            activate.remove(self.board, there, going)
        except TransferError as e:
            self.emit(Warned(step=STEP, message=f"{self.board.name}: old releases could not be removed: {e}"))
