"""The history of a project's runs: add, find, read, tag, remove."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from board_runner.errors import InputError, UsageError
from deployer import records
from deployer.errors import MissingArtifact
from deployer.events import Emit, Warned, ignore
from deployer.history import database, queries
from deployer.history.entry import (
    LATEST,
    Choices,
    Columns,
    Entry,
    Filter,
    Kept,
    Order,
    Series,
    name_of,
)
from deployer.records import RunRecord

T = TypeVar("T")

FILE_NAME = "history.db"

STEP = "history"


class History:
    """The runs kept in `directory`; every call is a transaction of its own, so threads and processes may share it.

    Where there is no database yet, reading finds nothing and makes nothing; the first writing takes in the record
    files (`*.json`) that an earlier deploy left in `directory`. Every method raises MachineRefused where this
    machine does not read or write the file, and InputError where it is damaged.
    """

    def __init__(self, directory: Path, *, busy_s: float = database.BUSY_S, emit: Emit = ignore) -> None:
        self.path = directory / FILE_NAME
        self._busy_s = busy_s
        self._emit = emit

    def prepare(self) -> None:
        """Make the database, or bring it up to date: what would fail later fails now."""
        self._write(lambda connection: None)

    def add(self, record: Kept, *, tags: Sequence[str] = ()) -> bool:
        """Keep a record; when this returns it is on the disk. False: it was there already, the very same.

        Raises UsageError for another record of the same id.
        """
        return self.add_all([Columns.of(record)], tags=tags) == 1

    def add_all(self, found: Iterable[Columns], *, tags: Sequence[str] = ()) -> int:
        """Keep several, all or none; gives how many are new. Raises as `add` does."""
        names = [name_of(tag, what="tag") for tag in tags]

        def work(connection: sqlite3.Connection) -> int:
            return sum(queries.insert(connection, columns, tags=names) for columns in found)

        return self._write(work)

    def find(
        self,
        chosen: Filter | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        order: Order = "created",
        descending: bool = True,
    ) -> list[Entry]:
        """Runs that fit, the newest first unless told otherwise; `offset` leaves out so many of them."""
        fits = chosen or Filter()
        return self._read(
            lambda c: queries.select(c, fits, limit=limit, offset=offset, order=order, descending=descending),
            [],
        )

    def count(self, chosen: Filter | None = None) -> int:
        """How many runs fit."""
        return self._read(lambda c: queries.count(c, chosen or Filter()), 0)

    def choices(self) -> Choices:
        """Every board, chip, model, kind and tag that there is."""
        return self._read(queries.choices, Choices())

    def series(self, chosen: Filter | None = None) -> list[Series]:
        """Which model ran on which board, the most often first."""
        return self._read(lambda c: queries.series(c, chosen or Filter()), [])

    def entry(self, wanted: str | None = None, *, kinds: tuple[str, ...] = ()) -> Entry:
        """The run with this id or beginning of one, the newest with this tag, or (`latest`, None) the newest.

        Raises MissingArtifact where there is none, UsageError where a beginning fits several or nothing is named.
        """
        if wanted == "":  # the beginning of every id: a variable of a script that was never set
            raise UsageError(
                "the name of a run is empty", hint="`latest` is the newest; `deploy history` lists them"
            )
        nothing: list[Entry] = []
        fitting = self._read(lambda c: queries.named(c, wanted or LATEST, kinds=kinds), nothing)
        if not fitting:
            what = f"no run {wanted!r}" if wanted and wanted != LATEST else "no run yet"
            raise MissingArtifact(
                f"{what} in {self.path.parent}",
                hint="`deploy history` lists them" if self.find(limit=1) else "`deploy bench` makes one",
            )
        if len(fitting) > 1:
            raise UsageError(
                f"{wanted!r} fits {len(fitting)} runs", hint=f"the newest is {fitting[0].id}; give more of it"
            )
        return fitting[0]

    def fields(self, wanted: str | None = None, *, kinds: tuple[str, ...] = ()) -> dict[str, Any]:
        """A record as its JSON has it. Raises as `entry` does."""
        entry = self.entry(wanted, kinds=kinds)
        text = self._read(lambda c: queries.text(c, entry.id), None)
        if text is None:
            raise MissingArtifact(f"run {entry.id} was removed just now", hint="`deploy history` lists them")
        return self._checked(entry.id, *text)

    def record(self, wanted: str | None = None) -> RunRecord:
        """A bench, run or parsed log. Raises as `entry` does, UsageError for a run of another kind."""
        fields = self.fields(wanted, kinds=records.KINDS)
        if fields["kind"] not in records.KINDS:
            raise UsageError(
                f"run {fields['id']} is of kind {fields['kind']!r}; one of {', '.join(records.KINDS)} is wanted",
                hint=f"`deploy history show {fields['id']}` shows it",
            )
        return records.of_fields(fields, place=f"{self.path}: {fields['id']}")

    def each(self, chosen: Filter | None = None) -> Iterator[tuple[Entry, dict[str, Any]]]:
        """Runs that fit with their records, the oldest first, one in memory at a time."""
        for entry in reversed(self.find(chosen)):
            text = self._read(lambda c, id=entry.id: queries.text(c, id), None)  # type: ignore[misc]
            if text is not None:
                yield entry, self._checked(entry.id, *text)

    def tag(self, wanted: str, tags: Sequence[str]) -> Entry:
        """Give a run these names; `deploy history gc` then never removes it."""
        names = [name_of(tag, what="tag") for tag in tags]
        entry = self.entry(wanted)
        self._write(lambda c: queries.add_tags(c, entry.id, names))
        return self.entry(entry.id)

    def untag(self, wanted: str, tags: Sequence[str]) -> Entry:
        """Take names from a run. Raises UsageError for one that it does not have."""
        entry = self.entry(wanted)
        if missing := [tag for tag in tags if tag not in entry.tags]:
            raise UsageError(
                f"run {entry.id} has no tag {', '.join(missing)}",
                hint=f"it has: {', '.join(entry.tags)}" if entry.tags else "it has none",
            )
        self._write(lambda c: queries.remove_tags(c, entry.id, tags))
        return self.entry(entry.id)

    def remove(self, ids: Sequence[str]) -> list[str]:
        """Remove these runs, but none that has a tag by now; gives those removed, all at once or none."""
        return self._write(lambda c: queries.remove(c, ids))

    def _checked(self, id: str, text: str, sha256: str) -> dict[str, Any]:
        if sha256 != hashlib.sha256(text.encode()).hexdigest():
            raise database.damaged(self.path, f"the record of run {id} is not what was kept")
        fields: dict[str, Any] = json.loads(text)
        return fields

    def _read(self, work: Callable[[sqlite3.Connection], T], nothing: T) -> T:
        if not self.path.exists():
            if not any(self._left_files()):
                return nothing
            self.prepare()
        with database.reading(self.path, busy_s=self._busy_s, upgrade=self.prepare) as connection:
            return work(connection)

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with database.writing(self.path, busy_s=self._busy_s) as (connection, before):
            if before == 0:
                self._take_in(connection)
            return work(connection)

    def _left_files(self) -> Iterator[Path]:
        return self.path.parent.glob("*.json")

    def _take_in(self, connection: sqlite3.Connection) -> None:
        """The record files of an earlier deploy, once: with the transaction that makes the database."""
        for path in sorted(self._left_files()):
            try:
                fields = json.loads(path.read_text(encoding="utf-8"))
                if not isinstance(fields, Mapping):
                    raise InputError("not a run record")
                queries.insert(connection, Columns.of_fields(fields))
            except (OSError, ValueError, InputError, UsageError) as e:
                self._emit(Warned(step=STEP, message=f"{path} is not taken into the history: {e}"))
