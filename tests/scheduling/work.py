"""What workers are given: importable there, so it needs no pytest."""

from __future__ import annotations

import os
import time
from pathlib import Path

from board_runner.errors import InputError


def square(value: int) -> int:
    """A shard's work."""
    return value * value


def refuse(value: int) -> int:
    """A shard whose data cannot be used."""
    raise InputError(f"clip {value}: no sound", hint="record it again")


def end_the_worker(_: int) -> int:
    """A shard that takes its process with it."""
    os._exit(1)


def end_beside_the_board(*_: object) -> None:
    """A board's task that takes its worker with it."""
    os._exit(1)


def slowly(value: int) -> int:
    """Leaves time to kill a worker."""
    time.sleep(0.1)
    return value * value


def note_pid(shard: tuple[int, Path]) -> int:
    """Tell which process had the shard, then take a while."""
    number, folder = shard
    (folder / f"{number}.{os.getpid()}").touch()
    time.sleep(0.05)
    return number


def on_the_board(folder: Path) -> bool:
    """Whether nobody else was at work in the folder meanwhile."""
    try:
        (folder / "busy").touch(exist_ok=False)
    except FileExistsError:
        return False
    time.sleep(0.05)
    (folder / "busy").unlink()
    return True
