"""A database for one run of one process: on disk beyond some 2 MB, and gone when it is closed."""

from __future__ import annotations

import sqlite3


def database(*tables: str, shared: bool = False) -> sqlite3.Connection:
    """A new one with these tables; of this thread alone, unless others are to read it too."""
    made = sqlite3.connect("", check_same_thread=not shared)
    made.execute("PRAGMA journal_mode = OFF")  # nothing of it outlives a crash anyway
    for table in tables:
        made.execute(f"CREATE TABLE {table}")
    return made
