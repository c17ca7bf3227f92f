"""What the board program printed when it last ran on a board, kept for `deploy board logs --program`."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deployer import whole_file
from deployer.board.base import Completed
from deployer.errors import MissingArtifact

KEPT_BYTES = 1 << 20
"""How much of each stream is kept: its end, where the failure stands."""

FOLDER = "last_run"


@dataclass(frozen=True, kw_only=True)
class LastRun:
    """One run as it was. `ended` is the host's clock, for boards have none to trust."""

    argv: tuple[str, ...]
    ended: str
    exit_status: int | None
    timed_out: bool
    elapsed_ms: float
    stdout: bytes
    stderr: bytes


def keep(folder: Path, address: str, argv: Sequence[str], completed: Completed) -> None:
    """Keep a run in place of the one before it. A disk that takes no file is no fault of the run."""
    place = _place(folder, address)
    about = {
        "address": address,
        "argv": list(argv),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "exit_status": completed.exit_status,
        "timed_out": completed.timed_out,
        "elapsed_ms": completed.elapsed_ms,
    }
    with contextlib.suppress(OSError):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        whole_file.write(place / "stdout", completed.stdout[-KEPT_BYTES:])
        whole_file.write(place / "stderr", completed.stderr[-KEPT_BYTES:])
        whole_file.write(place / "run.json", json.dumps(about, indent=1).encode())


def load(folder: Path, address: str) -> LastRun:
    """The last run on the board at `address`. Raises MissingArtifact where none was kept."""
    place = _place(folder, address)
    try:
        about = json.loads((place / "run.json").read_text(encoding="utf-8"))
        return LastRun(
            argv=tuple(about["argv"]),
            ended=about["ended"],
            exit_status=about["exit_status"],
            timed_out=about["timed_out"],
            elapsed_ms=about["elapsed_ms"],
            stdout=(place / "stdout").read_bytes(),
            stderr=(place / "stderr").read_bytes(),
        )
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise MissingArtifact(
            f"no run on {address} is kept here", hint="`deploy run CLIP` or `deploy bench` makes one"
        ) from e


def _place(folder: Path, address: str) -> Path:
    return folder / FOLDER / hashlib.sha256(address.encode()).hexdigest()[:16]
