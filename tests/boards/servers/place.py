"""A running board, and what lies on it as this machine sees it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from board_runner.simboard import SimBoard
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from tests.boards.servers.frame import Frame

_LINKS = 40  # as many as the kernel follows


@dataclass(frozen=True, kw_only=True)
class Place:
    """A running board, how to reach it, and where its deploy directory lies on this machine.

    `root` is the board's `/`: its absolute links lead there and not to this machine's.
    """

    config: BoardConfig
    files: Path
    sim: SimBoard | None = None
    root: Path = Path("/")
    frame: Frame | None = None
    secrets: dict[str, str] = field(default_factory=dict)

    def board(self, **changes: Any) -> SshBoard:
        """The board, with some of its configuration changed."""
        return SshBoard(self.config.replace(**changes))

    def elsewhere(self, name: str) -> Place:
        """The same board with another deploy directory, beside the first."""
        directory = self.config.directory.with_name(name)
        config = self.config.replace(directory=directory)
        return replace(self, config=config, files=self.files.with_name(name))

    @property
    def current(self) -> Path:
        """`DIRECTORY/current` as this machine sees it."""
        return self.files / "current"

    def content(self, directory: PurePosixPath | None = None) -> dict[str, bytes]:
        """What a program on the board finds below `directory` (`DIRECTORY/current` unless told), links followed.

        The manifest of a release is left out.
        """
        top = self.seen(directory or self.config.directory / "current")
        found = self._below(top, PurePosixPath()) if top.is_dir() else {}
        return {name: data for name, data in found.items() if name != ".manifest"}

    def tree(self, directory: PurePosixPath | None = None) -> dict[str, bytes | str | None]:
        """All there is below `directory` (`DIRECTORY` unless told): bytes, a link's target, None for folders."""
        top = self.seen(directory or self.config.directory)
        return {str(p.relative_to(top)): _entry(p) for p in sorted(top.rglob("*"))}

    def seen(self, path: PurePosixPath) -> Path:
        """Where an absolute path of the board lies on this machine, links of the board followed."""
        waiting = list(reversed(path.parts[1:]))
        here = self.root
        links = 0
        while waiting:
            here = here / waiting.pop() if waiting[-1] != ".." else _drop(here, self.root, waiting)
            if here.is_symlink():
                links += 1
                if links > _LINKS:
                    raise OSError(f"{path}: too many links")
                target = PurePosixPath(here.readlink())
                here = self.root if target.is_absolute() else here.parent
                waiting += reversed(self._inside(target))
        return here

    def _inside(self, target: PurePosixPath) -> tuple[str, ...]:
        """A link's words; a simulated board's links name its root as this machine does."""
        if not target.is_absolute():
            return target.parts
        return (target.relative_to(self.root) if target.is_relative_to(self.root) else target).parts[
            0 if target.is_relative_to(self.root) else 1 :
        ]

    def _below(self, folder: Path, name: PurePosixPath) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for entry in sorted(folder.iterdir()):
            inside = PurePosixPath("/") / entry.relative_to(self.root)
            real = self.seen(inside) if entry.is_symlink() else entry
            if real.is_dir():
                found |= self._below(real, name / entry.name)
            elif real.is_file():
                found[str(name / entry.name)] = real.read_bytes()
        return found


def _drop(here: Path, root: Path, waiting: list[str]) -> Path:
    waiting.pop()
    return here if here == root else here.parent


def _entry(path: Path) -> bytes | str | None:
    if path.is_symlink():
        return str(path.readlink())
    return path.read_bytes() if path.is_file() else None
