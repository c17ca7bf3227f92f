"""Which boards failed in the last run of a command over many boards, for `--retry-failed`."""

from __future__ import annotations

import contextlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from board_runner.errors import UsageError
from deployer.fleet.outcome import FleetResult, State


def save(folder: Path, command: str, result: FleetResult[Any], *, retried: bool = False) -> None:
    """Keep how every board fared, in place of what was kept of this command.

    With `retried` the boards of the last run that were not among those of this one stay as they were.
    """
    before = _boards(_path(folder, command)) if retried else None
    now = {o.board: {"state": o.state.value, "exit_code": o.exit_code} for o in result.outcomes}
    record = {
        "command": command,
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "interrupted": result.interrupted,
        "boards": {**(before or {}), **now},
    }
    path = _path(folder, command)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(record, indent=2), encoding="utf-8")
    fresh.replace(path)


def failed(folder: Path, command: str) -> list[str]:
    """The boards that were not done, as they were named then. Raises UsageError when nothing was kept."""
    boards = _boards(_path(folder, command))
    if boards is None:
        raise UsageError(
            f"no run of `deploy {command}` on many boards is kept in {folder}",
            hint="leave --retry-failed out; --all, --group or --tag choose the boards",
        )
    return [name for name, fared in boards.items() if fared["state"] != State.DONE]


def _boards(path: Path) -> dict[str, dict[str, Any]] | None:
    """Board -> how it fared; None where nothing usable is kept."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        boards = json.loads(path.read_text(encoding="utf-8"))["boards"]
        return {str(name): {"state": f["state"], "exit_code": f["exit_code"]} for name, f in boards.items()}
    return None


def _path(folder: Path, command: str) -> Path:
    return folder / "fleet" / f"{command.replace(' ', '-')}.json"
