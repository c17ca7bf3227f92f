"""What a board is asked about itself, apart from the asking: it may ride in another command."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from deployer.board.access.hostkeys import state_dir
from deployer.board.config import BoardConfig
from deployer.board.probe import memory

if TYPE_CHECKING:
    from deployer.board.base import BoardFacts


class Remote(Protocol):
    """Of which board."""

    address: str
    config: BoardConfig


@dataclass(frozen=True, kw_only=True)
class Question:
    """The one command that asks a board about itself, for whoever sends it along with another."""

    config: BoardConfig
    args: tuple[str, ...]  # of SCRIPT
    places: tuple[str, ...]
    known: memory.Remembered
    folder: Path
    address: str

    def answered(self, stdout: bytes) -> BoardFacts:
        """The answer's facts; what holds until the next boot is kept."""
        from deployer.board.probe.parse import facts_of, sections_of

        sections = sections_of(stdout)
        known = self.known
        if known.boot_id and sections.get("boot_id", "").strip() == known.boot_id:
            sections = {**known.sections, **sections}
        said = facts_of(sections)
        if said.boot_id != known.boot_id:
            memory.keep(self.address, self.folder, said.boot_id, sections)
        # As asked: a simulated board speaks of where they lie on the machine that plays it.
        places = tuple(
            replace(place, path=path) for place, path in zip(said.places, self.places, strict=False)
        )
        return replace(said, chip=self.config.chip or said.chip, places=places)


def question(board: Remote, directory: PurePosixPath, *, folder: Path | None = None) -> Question:
    """What to ask of `directory` and the board's `places`; short for a board whose boot we know."""
    kept_in = folder or state_dir()
    known = memory.recall(board.address, kept_in)
    asked = tuple(dict.fromkeys(str(path) for path in (directory, *board.config.places.values())))
    return Question(
        config=board.config,
        args=(known.boot_id, *asked),
        places=asked,
        known=known,
        folder=kept_in,
        address=board.address,
    )
