"""Connections to the one file, short ones: a thread, a process and a crash each find it whole.

Every change is one transaction that begins with BEGIN IMMEDIATE, so that writers wait for each other instead of
failing half-way, and that is on the disk before it is said to be done (WAL, synchronous=FULL).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from board_runner.errors import DeployError, InputError, UsageError
from deployer.errors import MachineRefused, of_this_machine
from deployer.history import schema

BUSY_S = 60.0
"""How long a writer waits for others."""

_PAUSE_S = 0.02


@contextlib.contextmanager
def writing(path: Path, *, busy_s: float = BUSY_S) -> Iterator[tuple[sqlite3.Connection, int]]:
    """A transaction over the database as it is now, made or brought up to date; and its version before (0: new).

    Committed when the block ends, undone when it raises. Raises MachineRefused, InputError, UsageError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise of_this_machine(e) or e from e
    with _translated(path, busy_s), contextlib.closing(_connect(path, busy_s)) as connection:
        if schema.version_of(connection, path) == 0:
            _ask_for_wal(connection, busy_s)
        with _transaction(connection):
            yield connection, schema.bring_up_to_date(connection, path)


@contextlib.contextmanager
def reading(
    path: Path, *, busy_s: float = BUSY_S, upgrade: Callable[[], None]
) -> Iterator[sqlite3.Connection]:
    """One snapshot of a database that is there; `upgrade` is called for one of an earlier version.

    Raises as `writing` does.
    """
    with _translated(path, busy_s):
        with contextlib.closing(_connect_to_read(path, busy_s)) as connection:
            current = schema.version_of(connection, path) == schema.VERSION
        if not current:
            upgrade()
        with contextlib.closing(_connect_to_read(path, busy_s)) as connection:
            connection.execute("BEGIN")
            yield connection


def compact(path: Path, *, busy_s: float = BUSY_S) -> None:
    """Give the room of removed runs back to the disk."""
    with _translated(path, busy_s), contextlib.closing(_connect(path, busy_s)) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _connect(path: Path, busy_s: float, *, query: str = "mode=rwc") -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{query}"
    connection = sqlite3.connect(uri, timeout=busy_s, isolation_level=None, uri=True)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _connect_to_read(path: Path, busy_s: float) -> sqlite3.Connection:
    """Beside writers where the folder can be written to; else the file as it is, if no log of changes is beside it.

    A reader in WAL mode writes, too: its lock is in a file beside the database.
    """
    log = path.with_name(f"{path.name}-wal")
    if not os.access(path.parent, os.W_OK) and not (log.exists() and log.stat().st_size):
        return _connect(path, busy_s, query="mode=ro&immutable=1")
    return _connect(path, busy_s, query="mode=rw" if os.access(path, os.W_OK) else "mode=ro")


def _ask_for_wal(connection: sqlite3.Connection, busy_s: float) -> None:
    """Change the journal's mode once; SQLite does not wait by itself where another connection does the same."""
    deadline = time.monotonic() + busy_s
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return  # a file system without shared memory keeps its own mode, which is as safe and slower
        except sqlite3.OperationalError as e:
            if not _is_busy(e) or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # SQLite has undone it by itself after some errors
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextlib.contextmanager
def _translated(path: Path, busy_s: float) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as e:
        raise _in_words(e, path, busy_s) from e


def _is_busy(error: sqlite3.Error) -> bool:
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code(error: sqlite3.Error) -> int:
    """The primary result code: the extended ones keep it in their lowest byte."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _in_words(error: sqlite3.Error, path: Path, busy_s: float) -> DeployError:
    match _code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return UsageError(
                f"{path}: another process has been writing to it for {busy_s:g} s",
                hint=f"wait for it to end; `fuser {path}` tells which it is",
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return MachineRefused(
                f"{path}: this machine does not let deploy write the history here ({error})",
                hint=f"see whose it is (`ls -ld {path.parent}`) and whether the disk is mounted read-only",
            )
        case sqlite3.SQLITE_FULL:
            return MachineRefused(f"{path}: no room for the history", hint="free some room there (`df -h`)")
        case sqlite3.SQLITE_IOERR:
            return MachineRefused(
                f"{path}: the disk fails: {error}", hint="`dmesg` tells why; copy the folder elsewhere first"
            )
        case _:
            return damaged(path, str(error))


def damaged(path: Path, what: str) -> InputError:
    """A database that cannot be trusted; what can be read is still in it."""
    return InputError(
        f"{path}: the history is damaged: {what}",
        hint=f"move it away and `deploy history import` what was exported; "
        f"`sqlite3 {path.name} .recover | sqlite3 mended.db` saves what can be read",
    )
