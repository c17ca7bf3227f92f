"""The tables, version by version: a database of any earlier version is brought to this one where it lies."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from board_runner.errors import InputError, UsageError
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


def _headlines(connection: sqlite3.Connection) -> None:
    """Version 2: figures that a list and a trend show, taken from the records that are there."""
    for column in ("runs INTEGER", "failed INTEGER", "median_ms REAL", "metric TEXT", "value REAL"):
        connection.execute(f"ALTER TABLE runs ADD COLUMN {column}")
    for (seq,) in connection.execute("SELECT seq FROM runs").fetchall():
        text = connection.execute("SELECT record FROM runs WHERE seq = ?", (seq,)).fetchone()[0]
        connection.execute(
            "UPDATE runs SET runs = :runs, failed = :failed, median_ms = :median_ms, metric = :metric, "
            "value = :value WHERE seq = :seq",
            {**asdict(headline.of_fields(json.loads(text))), "seq": seq},
        )


STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (_runs_and_tags, _headlines)
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
