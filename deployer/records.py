"""The run record: every timing, hash and setting of one bench, run or parsed log, as JSON."""

from __future__ import annotations

import datetime
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from board_runner.errors import UsageError
from deployer.logs.said import Said
from toolchain_wrappers import intake
from toolchain_wrappers.intake import Fault

VERSION = 3

KINDS = ("bench", "run", "parse")
"""Kinds of records that are a RunRecord."""

REPEATED = "repeated"
"""The variant of samples from processes that invoke several times (`deploy bench --in-process`)."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One clip through the board program.

    `first_in_process`: the first invoke of its process, as every run of one clip is. `start_load_io_ms` is what
    passed beyond the two times that the program reports. `warm_up`: recorded and shown, counted nowhere.
    `answer`: the key of what a model without classes said; it has no `class_id`. `variant`: which of two things
    compared (`a`, `b`), or REPEATED, of which the first of a process carries the whole process's `wall_ms`; empty
    where there is one thing. `started_s` counts from the begin of the bench, by the host's clock. The board's state
    is read just after the run; None where it does not say.
    """

    clip: str
    run: int
    invoke_ms: float
    post_process_ms: float
    class_id: int | None = None
    answer: str = ""
    first_chunk_ms: float | None = None
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

    @property
    def counts(self) -> bool:
        """Whether figures are made of it: no warm-up, and of two variants the first."""
        return not self.warm_up and self.variant in ("", "a")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model without classes said of a clip, which samples name by `key`.

    `offline_cosine` and `offline_equal` hold it against what the offline simulator says on the host; None where
    that cannot be told.
    """

    key: str
    clip: str
    said: Said
    offline_cosine: float | None = None
    offline_equal: bool | None = None


def answer_of(said: Said | None, *, clip: str) -> Answer | None:
    """What was said of a clip, with its key; None where nothing was."""
    if said is None:
        return None
    key = hashlib.sha256(f"{clip}\n{said}".encode()).hexdigest()[:16]
    return Answer(key=key, clip=clip, said=said)


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
    name; `measured`: what else was found in the bench itself (a noise floor, a comparison of two variants);
    `answers`: what a model without classes said, each once.
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
    answers: tuple[Answer, ...] = ()
    version: int = VERSION

    @property
    def counted(self) -> tuple[Sample, ...]:
        """The samples that figures are made of."""
        return tuple(s for s in self.samples if s.counts)

    @property
    def started(self) -> tuple[Sample, ...]:
        """A sample a start of the program: without what `--in-process` measures beside them."""
        return tuple(s for s in self.samples if s.variant != REPEATED)


def _second(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew nothing of what version 2 adds, and every default says so."""
    return {**fields, "version": 2}


def _third(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 2 knew classes alone, and every default says so."""
    return {**fields, "version": 3}


MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _second, 2: _third}
"""Version n -> what makes its fields those of version n + 1."""


def new_id(kind: str) -> tuple[str, str]:
    """A record's id, sortable by time, and its creation time (ISO 8601, UTC)."""
    now = datetime.datetime.now(datetime.UTC)
    return f"{now:%Y%m%d-%H%M%S}-{kind}-{secrets.token_hex(4)}", now.isoformat(timespec="seconds")


def load(path: Path) -> RunRecord:
    """Read a record file of this or an earlier version; raises UsageError when it is not one."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as e:
        raise UsageError(f"{path}: not a run record ({e})") from e
    return of_fields(fields, place=str(path))


def of_fields(fields: Any, *, place: str) -> RunRecord:
    """A record of this or an earlier version from its JSON. Raises UsageError, which names `place`."""
    version = fields.get("version") if isinstance(fields, dict) else None
    if not isinstance(version, int):
        raise UsageError(f"{place}: not a run record: no version")
    if version > VERSION:
        raise UsageError(
            f"{place}: a run record of version {version}; this deploy reads up to {VERSION}",
            hint="upgrade sgs-deploy",
        )
    while version < VERSION:
        fields = MIGRATIONS[version](fields)
        version = fields["version"]
    try:
        return intake.record(RunRecord, fields)
    except Fault as e:
        raise UsageError(f"{place}: damaged run record: {e}") from e
