"""What the history knows of a run without reading its record, and by what runs are chosen."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from board_runner.errors import InputError, UsageError
from deployer.history import headline
from deployer.history.headline import Headline
from deployer.records import RunRecord
from toolchain_wrappers import intake

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(min|h|d|w)")
_AGE_S = {"min": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}

_WORDS = ("id", "kind", "created", "model")

LATEST = "latest"
"""As the name of a run: the newest."""


@runtime_checkable
class Kept(Protocol):
    """What a record of any kind has: a dataclass whose fields JSON can hold.

    `board` is None or has `name` and perhaps `chip`; `created` is ISO 8601 with its offset from UTC.
    """

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def created(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def board(self) -> Any: ...


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A run as a list shows it."""

    id: str
    kind: str
    created: str
    model: str
    board: str | None
    chip: str | None
    bytes: int
    headline: Headline
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Runs that fit all that is set. `since_s` and `until_s` are seconds since 1970, the second one exclusive."""

    board: str | None = None
    chip: str | None = None
    model: str | None = None
    kinds: tuple[str, ...] = ()
    tag: str | None = None
    since_s: float | None = None
    until_s: float | None = None


Order = Literal["created", "model", "board", "chip", "runs", "failed", "median", "value"]
"""By what a list can be sorted."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The values that a filter can have in a history, each list sorted."""

    boards: tuple[str, ...] = ()
    chips: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Series:
    """How many runs a model has on a board (None: on none, as an evaluation on this host)."""

    model: str
    board: str | None
    runs: int


@dataclass(frozen=True, kw_only=True)
class Columns:
    """A record's JSON, and what of it can be searched. Raises InputError, where made, for what is no record."""

    id: str
    kind: str
    created: str
    created_s: float
    model: str
    board: str | None
    chip: str | None
    headline: Headline
    text: str

    @classmethod
    def of(cls, record: Kept) -> Columns:
        """A record of ours, as it will be kept."""
        text = json.dumps(intake.plain(record), ensure_ascii=False, separators=(",", ":"))
        board = (
            None
            if record.board is None
            else {"name": record.board.name, "chip": getattr(record.board, "chip", None)}
        )
        # Of another kind it is found in what was written, as it will be by whoever reads it.
        made = (
            headline.of_run(record) if isinstance(record, RunRecord) else headline.of_fields(json.loads(text))
        )
        return cls._of({**{name: getattr(record, name) for name in _WORDS}, "board": board}, text, made)

    @classmethod
    def of_fields(cls, fields: Mapping[str, Any]) -> Columns:
        """A record as JSON gave it."""
        return cls._of(
            fields, json.dumps(fields, ensure_ascii=False, separators=(",", ":")), headline.of_fields(fields)
        )

    @classmethod
    def _of(cls, fields: Mapping[str, Any], text: str, made: Headline) -> Columns:
        board = fields.get("board")
        wrong = [name for name in _WORDS if not isinstance(fields.get(name), str)]
        if not (board is None or (isinstance(board, Mapping) and isinstance(board.get("name"), str))):
            wrong.append("board")
        if wrong:
            raise InputError(f"not a run record: {', '.join(wrong)} missing or of another type")
        chip = board.get("chip") if board is not None else None
        return cls(
            id=name_of(fields["id"], what="run id"),
            kind=fields["kind"],
            created=fields["created"],
            created_s=_created_s(fields["created"]),
            model=fields["model"],
            board=board["name"] if board is not None else None,
            chip=str(chip) if chip is not None else None,
            headline=made,
            text=text,
        )


def name_of(text: Any, *, what: str) -> str:
    """A run's id or a tag: it may become a file's name and a word on a command line. Raises InputError."""
    if not isinstance(text, str) or _NAME.fullmatch(text) is None or text == LATEST:
        raise InputError(
            f"{text!r} is no {what}",
            hint=f"letters, digits, '.', '_' and '-', beginning with a letter or digit, and not {LATEST!r}",
        )
    return text


def moment_s(text: str, *, end: bool = False, now: datetime.datetime | None = None) -> float:
    """`2026-01-31`, `2026-01-31T12:00`, or an age such as `7d` (min, h, d, w) -> seconds since 1970.

    A time without an offset is this machine's. A day stands for its beginning; with `end` for the next day's.
    Raises UsageError.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    if (age := _AGE.fullmatch(text.strip())) is not None:
        return now.timestamp() - float(age[1]) * _AGE_S[age[2]]
    try:
        if len(text.strip()) == len("2026-01-31"):
            day = datetime.date.fromisoformat(text.strip()) + datetime.timedelta(days=1 if end else 0)
            return datetime.datetime.combine(day, datetime.time()).timestamp()
        return datetime.datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError) as e:
        raise UsageError(
            f"{text!r} is no date and no age", hint="2026-01-31, 2026-01-31T12:00, or 30min, 12h, 7d, 2w ago"
        ) from e


def _created_s(text: str) -> float:
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError) as e:
        raise InputError(f"not a run record: created: {text!r} is no ISO 8601 time") from e
