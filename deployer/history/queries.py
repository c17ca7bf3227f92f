"""The statements. Values always travel as parameters, never in the text."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from board_runner.errors import UsageError
from deployer.history.entry import LATEST, Choices, Columns, Entry, Filter, Order, Series
from deployer.history.headline import Headline
from deployer.history.schema import insert_figures

_ENTRY = """SELECT runs.id, kind, created, model, board, chip, bytes,
    (SELECT group_concat(tag, ' ') FROM tags WHERE run = runs.seq),
    figures.runs, figures.failed, figures.median_ms, low_ms, high_ms, steady, figures.metric, figures.value,
    tool_version, model_sha256 FROM runs LEFT JOIN figures ON figures.run = runs.seq"""
_ORDERS: dict[Order, str] = {
    "created": "created_s",
    "model": "model",
    "board": "board",
    "chip": "chip",
    "runs": "figures.runs",
    "failed": "figures.failed",
    "median": "figures.median_ms",
    "value": "figures.value",
}
_BEHIND_ALL = "\U0010ffff"  # as an upper end, so that an index finds a beginning
_NEWEST_FIRST = "ORDER BY created_s DESC, seq DESC"


def insert(connection: sqlite3.Connection, found: Columns, *, tags: Sequence[str] = ()) -> bool:
    """False where the very same record is there. Raises UsageError where another one has its id."""
    there = text(connection, found.id)
    if there is not None and there[0] != found.text and json.loads(there[0]) != json.loads(found.text):
        raise UsageError(
            f"another run {found.id} is in the history", hint=f"`deploy history show {found.id}` shows it"
        )
    if there is None:
        data = found.text.encode()
        new = connection.execute(
            "INSERT INTO runs (id, kind, created, created_s, model, board, chip, bytes, sha256, record) "
            "VALUES (:id, :kind, :created, :created_s, :model, :board, :chip, :bytes, :sha256, :text)",
            {**asdict(found), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()},
        )
        assert new.lastrowid is not None
        insert_figures(connection, new.lastrowid, asdict(found.headline))
    add_tags(connection, found.id, tags)
    return there is None


def select(
    connection: sqlite3.Connection,
    chosen: Filter,
    *,
    limit: int | None = None,
    offset: int = 0,
    order: Order = "created",
    descending: bool = True,
) -> list[Entry]:
    """Runs that fit, the newest first unless `order` says otherwise; those that lack it come last either way."""
    where, values = _where(chosen)
    way = "DESC" if descending else "ASC"
    by = _ORDERS[order]
    # A sort by the time alone is left as it is, for an index has it.
    ordered = f"{by} {way}, seq {way}" if order == "created" else f"{by} IS NULL, {by} {way}, seq DESC"
    rows = connection.execute(
        f"{_ENTRY} {where} ORDER BY {ordered} LIMIT ? OFFSET ?",
        (*values, -1 if limit is None else limit, offset),
    )
    return [_entry(row) for row in rows]


def count(connection: sqlite3.Connection, chosen: Filter) -> int:
    """How many runs fit."""
    where, values = _where(chosen)
    return int(connection.execute(f"SELECT count(*) FROM runs {where}", values).fetchone()[0])


def choices(connection: sqlite3.Connection) -> Choices:
    """Every value that a filter can have."""
    found = {
        column: tuple(
            str(value)
            for (value,) in connection.execute(f"SELECT DISTINCT {column} FROM runs ORDER BY {column}")
            if value is not None
        )
        for column in ("board", "chip", "model", "kind")
    }
    tags = tuple(str(tag) for (tag,) in connection.execute("SELECT DISTINCT tag FROM tags ORDER BY tag"))
    return Choices(
        boards=found["board"], chips=found["chip"], models=found["model"], kinds=found["kind"], tags=tags
    )


def series(connection: sqlite3.Connection, chosen: Filter) -> list[Series]:
    """Which model ran how often on which board, the most often first."""
    where, values = _where(chosen)
    rows = connection.execute(
        f"SELECT model, board, count(*) FROM runs {where} GROUP BY model, board "
        "ORDER BY count(*) DESC, model, board",
        values,
    )
    return [Series(model=model, board=board, runs=runs) for model, board, runs in rows]


def named(connection: sqlite3.Connection, wanted: str, *, kinds: tuple[str, ...] = ()) -> list[Entry]:
    """One run where `wanted` is `latest`, an id or a tag (the newest with it), else all whose ids begin so."""
    if wanted == LATEST:
        return select(connection, Filter(kinds=kinds), limit=1)
    exact = connection.execute(f"{_ENTRY} WHERE id = ?", (wanted,)).fetchall()
    if exact:
        return [_entry(row) for row in exact]
    if tagged := select(connection, Filter(tag=wanted, kinds=kinds), limit=1):
        return tagged
    rows = connection.execute(
        f"{_ENTRY} WHERE id >= ? AND id < ? {_NEWEST_FIRST}", (wanted, wanted + _BEHIND_ALL)
    )
    return [_entry(row) for row in rows]


def text(connection: sqlite3.Connection, id: str) -> tuple[str, str] | None:
    """A record's JSON and the sha256 it was kept with."""
    row = connection.execute("SELECT record, sha256 FROM runs WHERE id = ?", (id,)).fetchone()
    return (str(row[0]), str(row[1])) if row is not None else None


def add_tags(connection: sqlite3.Connection, id: str, tags: Iterable[str]) -> None:
    """A tag it has stays."""
    connection.executemany(
        "INSERT OR IGNORE INTO tags (tag, run) SELECT ?, seq FROM runs WHERE id = ?",
        [(tag, id) for tag in tags],
    )


def remove_tags(connection: sqlite3.Connection, id: str, tags: Iterable[str]) -> None:
    """Take these tags from one run."""
    connection.executemany(
        "DELETE FROM tags WHERE tag = ? AND run = (SELECT seq FROM runs WHERE id = ?)",
        [(tag, id) for tag in tags],
    )


def remove(connection: sqlite3.Connection, ids: Iterable[str]) -> list[str]:
    """Remove those of these runs that have no tag; gives their ids."""
    gone = []
    for id in ids:
        done = connection.execute(
            "DELETE FROM runs WHERE id = ? AND NOT EXISTS (SELECT 1 FROM tags WHERE run = runs.seq)", (id,)
        )
        if done.rowcount:
            gone.append(id)
    return gone


def _where(chosen: Filter) -> tuple[str, list[str | float]]:
    tests: list[tuple[str, Sequence[str | float]]] = []
    for column in ("board", "chip", "model"):
        value = getattr(chosen, column)
        if value is not None:
            tests.append((f"{column} = ?", (value,)))
    if chosen.kinds:
        tests.append((f"kind IN ({', '.join('?' * len(chosen.kinds))})", chosen.kinds))
    if chosen.tag is not None:
        tests.append(("seq IN (SELECT run FROM tags WHERE tag = ?)", (chosen.tag,)))
    if chosen.since_s is not None:
        tests.append(("created_s >= ?", (chosen.since_s,)))
    if chosen.until_s is not None:
        tests.append(("created_s < ?", (chosen.until_s,)))
    where = f"WHERE {' AND '.join(test for test, _ in tests)}" if tests else ""
    return where, [value for _, values in tests for value in values]


def _entry(row: tuple[Any, ...]) -> Entry:
    id, kind, created, model, board, chip, size, tags, *figures = row
    runs, failed, median_ms, low_ms, high_ms, steady, metric, value, tool_version, model_sha256 = figures
    return Entry(
        id=id,
        kind=kind,
        created=created,
        model=model,
        board=board,
        chip=chip,
        bytes=size,
        headline=Headline(
            runs=runs,
            failed=failed,
            median_ms=median_ms,
            low_ms=low_ms,
            high_ms=high_ms,
            steady=None if steady is None else bool(steady),
            metric=metric,
            value=value,
            tool_version=tool_version,
            model_sha256=model_sha256,
        ),
        tags=tuple(sorted((tags or "").split())),
    )
