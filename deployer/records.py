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

VERSION = 2


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One clip through the board program.

    `first_in_process`: the first invoke of its process, as every run of one clip is. `start_load_io_ms` is what
    passed beyond the two times that the program reports. `warm_up`: recorded and shown, counted nowhere.
    `variant`: which of two things compared (`a`, `b`); empty where there is one. `started_s` counts from the
    begin of the bench, by the board's own clock. The board's state is read just after the run; None where it
    does not say.
    """

    clip: str
    run: int
    invoke_ms: float
    post_process_ms: float
    class_id: int
    wall_ms: float | None = None
    start_load_io_ms: float | None = None
    first_in_process: bool = True
    warm_up: bool = False
    variant: str = ""
    started_s: float | None = None
    temperature_c: float | None = None
    frequency_khz: int | None = None  # of the first CPU
    load: float | None = None  # mean number of processes that ran in the last minute
    memory_available_kib: int | None = None


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
    warm_up: bool = False
    variant: str = ""
    started_s: float | None = None
    timed_out: bool = False
    said: str = ""  # its last words, both streams


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
    """One bench, run or parsed log. `created` is the host's clock, for boards have none to trust.

    `command`: the words that repeat it, `deploy` first. `environment`: the board and the host as they were, by
    name; `measured`: what else was found in the bench itself (a noise floor, a comparison of two variants).
    """

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
    command: tuple[str, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)
    version: int = VERSION

    @property
    def counted(self) -> tuple[Sample, ...]:
        """The samples that figures are made of: no warm-up, and of two variants the first."""
        return tuple(s for s in self.samples if not s.warm_up and s.variant in ("", "a"))

    def save(self, directory: Path) -> Path:
        """Write `<id>.json`, whole or not at all; gives its path."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{self.id}.json"
        part = path.with_suffix(f".part-{os.getpid()}")
        part.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(path)
        return path


def _second(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew nothing of what version 2 adds, and every default says so."""
    return {**fields, "version": 2}


MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _second}
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
