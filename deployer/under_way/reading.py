"""What runs now, by the files that running commands keep. Reading changes nothing."""

from __future__ import annotations

import time
from pathlib import Path

from board_runner.errors import InputError
from deployer.under_way import process
from deployer.under_way.record import Standing, State, UnderWay, of_json

FOLDER = "running"
"""Below a project's state folder."""


def read(state_dir: Path, *, board: str | None = None) -> list[Standing]:
    """Every command that tells of itself, the latest begun first; with `board` those at work on that board.

    A file that cannot be read is left out: it may be another version's, or be going just now.
    """
    found = []
    for path in (state_dir / FOLDER).glob("*.json"):
        try:
            told = of_json(path.read_bytes(), place=str(path))
        except (OSError, InputError):
            continue
        if told.id != path.stem:  # a copy, or nothing of ours
            continue
        if board is None or any(task.board == board for task in told.tasks):
            found.append(Standing(told=told, state=_state(told), now_s=time.time()))
    return sorted(found, key=lambda standing: (standing.state == "gone", -standing.told.began_s))


def _state(told: UnderWay) -> State:
    alive = process.is_alive(told.process)
    if alive is None:
        return "elsewhere"
    return "running" if alive else "gone"
