"""The run record: every timing, hash and setting of one bench, run or parsed log, kept as JSON."""

from __future__ import annotations

import datetime
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from board_runner.errors import UsageError
from deployer.errors import MissingArtifact

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One start of the board program on one clip.

    Every sample is the first invoke of its process, since the vendor's program runs one clip and ends.
    `start_load_io_ms` is what the host saw beyond the two times that the program reports.
    """

    clip: str
    run: int
    invoke_ms: float
    post_process_ms: float
    class_id: int
    wall_ms: float | None = None
    start_load_io_ms: float | None = None
    first_in_process: bool = True


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One start of the board program that gave no result, and the board after it (None: it did not say).

    `kernel` holds the kernel's lines since the program began, `left` the program's processes that did not end.
    """

    clip: str
    run: int
    reason: str
    exit_status: int | None = None
    board_answers: bool | None = None
    board_rebooted: bool | None = None
    kernel: tuple[str, ...] | None = None
    left: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BoardInfo:
    """Where the samples come from, as far as it is known."""

    name: str
    address: str | None = None
    machine: str | None = None
    chip: str | None = None
    kernel: str | None = None
    temperature_c: float | None = None


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One bench, run or parsed log. `created` is the host's clock, for boards have none to trust."""

    id: str
    kind: str
    created: str
    model: str
    board: BoardInfo
    labels: tuple[str, ...]
    targets: Mapping[str, int]
    sha256: Mapping[str, str]
    settings: Mapping[str, Any]
    samples: tuple[Sample, ...]
    failures: tuple[Failure, ...] = ()
    clip_seconds: Mapping[str, float] = field(default_factory=dict)
    tool_version: str = ""
    version: int = VERSION

    def save(self, directory: Path) -> Path:
        """Write `<id>.json`, whole or not at all; gives its path."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{self.id}.json"
        part = path.with_suffix(f".part-{os.getpid()}")
        part.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(path)
        return path


MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""Version n -> what makes its fields those of version n + 1."""

_ADAPTER = TypeAdapter(RunRecord)


def new_id(kind: str) -> tuple[str, str]:
    """A record's id, sortable by time, and its creation time (ISO 8601, UTC)."""
    now = datetime.datetime.now(datetime.UTC)
    return f"{now:%Y%m%d-%H%M%S}-{kind}-{secrets.token_hex(4)}", now.isoformat(timespec="seconds")


def load(path: Path) -> RunRecord:
    """Read a record of this or an earlier version; raises UsageError when it is not one."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        version = fields["version"]
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise UsageError(f"{path}: not a run record ({e})") from e
    if not isinstance(version, int) or version > VERSION:
        raise UsageError(
            f"{path}: a run record of version {version}; this deploy reads up to {VERSION}",
            hint="upgrade sgs-deploy",
        )
    while version < VERSION:
        fields = MIGRATIONS[version](fields)
        version = fields["version"]
    try:
        return _ADAPTER.validate_python(fields)
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path}: damaged run record: {where}: {first['msg']}") from e


def find(wanted: str | None, directory: Path) -> Path:
    """The record at a path, with an id, or, without either, the newest one.

    Raises MissingArtifact when there is none, UsageError when an id fits several.
    """
    if wanted is not None and Path(wanted).is_file():
        return Path(wanted)
    found = sorted(directory.glob("*.json"))
    if wanted is not None:
        found = [path for path in found if path.stem.startswith(wanted)]
        if len(found) > 1:
            raise UsageError(f"{wanted!r} fits {len(found)} runs", hint=f"the first is {found[0].stem}")
    if not found:
        what = f"no run {wanted!r}" if wanted else "no run yet"
        raise MissingArtifact(f"{what} in {directory}", hint="`deploy bench` makes one")
    return found[-1]
