"""A database for one run of one process: on disk beyond some 2 MB, and gone when it is closed."""

from __future__ import annotations

import sqlite3


def database(*tables: str) -> sqlite3.Connection:
    """A new one with these tables; of this thread alone."""
    made = sqlite3.connect("")
    made.execute("PRAGMA journal_mode = OFF")  # nothing of it outlives a crash anyway
    for table in tables:
        made.execute(f"CREATE TABLE {table}")
    return made
