"""Ask a board about itself: one command, short for a board whose boot we know."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Protocol

from deployer.board.access.hostkeys import state_dir
from deployer.board.base import BoardFacts, Completed
from deployer.board.config import BoardConfig
from deployer.board.probe import memory
from deployer.board.probe.parse import facts_of, parse
from deployer.board.probe.places import free_kib
from deployer.board.probe.question import question
from deployer.board.probe.script import SCRIPT

__all__ = ["SCRIPT", "ask", "free_kib", "parse", "remembered"]

TIMEOUT_S = 30.0


class Remote(Protocol):
    """What a probe needs of a board."""

    address: str
    config: BoardConfig

    def script(self, text: str, *args: str, timeout_s: float) -> Completed: ...


def ask(board: Remote, directory: PurePosixPath, *, folder: Path | None = None) -> BoardFacts:
    """What the board says of itself, of `directory` and of its `places`; a configured `chip:` counts before it.

    What holds until the next boot is kept in `folder` (the state directory) by the boot id, and is asked for again
    only after a reboot. Raises BoardUnreachable.
    """
    asked = question(board, directory, folder=folder)
    return asked.answered(board.script(SCRIPT, *asked.args, timeout_s=TIMEOUT_S).stdout)


def remembered(config: BoardConfig, *, folder: Path | None = None) -> BoardFacts | None:
    """What the board at this address said before and cannot have changed unless it rebooted; asks nothing.

    Its `boot_id` tells whether it still holds, to whoever learns the board's present one.
    """
    known = memory.recall(config.address, folder or state_dir())
    if not known.boot_id:
        return None
    said = facts_of({**known.sections, "boot_id": known.boot_id})
    return replace(said, chip=config.chip or said.chip)
