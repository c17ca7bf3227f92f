"""The tables, version by version: a database of any earlier version is brought to this one where it lies."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from board_runner.errors import InputError, UsageError
from deployer import records
from deployer.history import headline

APPLICATION_ID = 0x53475348
"""In the file's header, so that no other program's database is taken for a history."""


def _runs_and_tags(connection: sqlite3.Connection) -> None:
    """Version 1. `sha256` and `bytes` are of `record`: SQLite notices a damaged page, not a damaged text.

    `record` comes last: what is before it is read without it, however long it is.
    """
    connection.execute(
        """CREATE TABLE runs (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL,
            created TEXT NOT NULL,
            created_s REAL NOT NULL,
            model TEXT NOT NULL,
            board TEXT,
            chip TEXT,
            bytes INTEGER NOT NULL,
            sha256 TEXT NOT NULL,
            record TEXT NOT NULL
        )"""
    )
    connection.execute(
        """CREATE TABLE tags (
            tag TEXT NOT NULL,
            run INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
            PRIMARY KEY (tag, run)
        ) WITHOUT ROWID"""
    )
    connection.execute("CREATE INDEX tags_run ON tags (run)")
    for column in ("kind", "model", "board", "chip"):
        connection.execute(f"CREATE INDEX runs_{column} ON runs ({column}, created_s)")
    connection.execute("CREATE INDEX runs_created ON runs (created_s)")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


_FIGURES_OF_2 = ("runs", "failed", "median_ms", "metric", "value")


def _headlines(connection: sqlite3.Connection) -> None:
    """Version 2: figures that a list shows, beside the records."""
    for column in ("runs INTEGER", "failed INTEGER", "median_ms REAL", "metric TEXT", "value REAL"):
        connection.execute(f"ALTER TABLE runs ADD COLUMN {column}")


def _figures_apart(connection: sqlite3.Connection) -> None:
    """Version 3: the figures in a small table, with those that a trend shows.

    What stands behind a record is reached through all of it; of ten thousand runs that took seconds. The columns of
    version 2 stay, and are empty from now on: to drop them would write every record anew.
    """
    connection.execute(
        """CREATE TABLE figures (
            run INTEGER PRIMARY KEY REFERENCES runs (seq) ON DELETE CASCADE,
            runs INTEGER,
            failed INTEGER,
            median_ms REAL,
            low_ms REAL,
            high_ms REAL,
            steady INTEGER,
            metric TEXT,
            value REAL,
            tool_version TEXT,
            model_sha256 TEXT
        )"""
    )
    statement = f"SELECT record, {', '.join(_FIGURES_OF_2)} FROM runs WHERE seq = ?"
    for (seq,) in connection.execute("SELECT seq FROM runs").fetchall():
        text, *known = connection.execute(statement, (seq,)).fetchone()
        fields = json.loads(text)
        if known[0] is None or fields.get("kind") not in records.KINDS:  # of version 1, or quickly found
            found = asdict(headline.of_fields(fields))
        else:
            around = (fields.get(name) for name in ("measured", "sha256", "tool_version"))
            found = dict(zip(_FIGURES_OF_2, known, strict=True)) | headline.beside(*around)
        insert_figures(connection, seq, found)
    connection.execute("CREATE INDEX runs_series ON runs (model, board, kind, created_s)")


def insert_figures(connection: sqlite3.Connection, seq: int, found: Mapping[str, Any]) -> None:
    """The figures of a run, by Headline's names."""
    connection.execute(
        "INSERT INTO figures (run, runs, failed, median_ms, low_ms, high_ms, steady, metric, value, "
        "tool_version, model_sha256) VALUES (:run, :runs, :failed, :median_ms, :low_ms, :high_ms, :steady, "
        ":metric, :value, :tool_version, :model_sha256)",
        {**found, "run": seq},
    )


STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (_runs_and_tags, _headlines, _figures_apart)
"""STEPS[n] makes a database of version n one of version n + 1; version 0 is an empty file."""

VERSION = len(STEPS)


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """The database's version. Raises InputError for another program's, UsageError for a newer deploy's."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if version == 0 and owner == 0:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            return 0
    elif owner == APPLICATION_ID and 0 < version <= VERSION:
        return version
    elif owner == APPLICATION_ID and version > VERSION:
        raise UsageError(
            f"{path}: a history of version {version}; this deploy reads up to {VERSION}",
            hint="upgrade sgs-deploy",
        )
    raise InputError(f"{path}: not a history of deploy's", hint="move it away; `deploy` makes a new one")


def bring_up_to_date(connection: sqlite3.Connection, path: Path) -> int:
    """Take the steps that are missing; gives the version before. Call it in a transaction of `connection`."""
    before = version_of(connection, path)
    for step in STEPS[before:]:
        step(connection)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    return before
