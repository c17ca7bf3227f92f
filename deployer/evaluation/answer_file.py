"""The answers of one stage in one file, a line of JSON each, appended as they come: what is there is kept.

The file's name is the hash of all that decides an answer but the clip, and a line begins with the clip's hash. A
killed evaluation leaves at most one torn line, which is cut off when the file is opened again.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from board_runner.errors import UsageError
from deployer.errors import MissingArtifact
from deployer.evaluation import scratch
from deployer.evaluation.answers import Answer, from_line, to_line

VERSION = 1
_KEY = slice(len('{"key": "'), len('{"key": "') + 64)
_WAITING, _BEGUN = -1, -2
"""Places of answers that are not there yet: wanted, and being computed."""


class AnswerFile:
    """Answers by a clip's key; a context manager that no other process can open meanwhile.

    Where each answer lies is kept in a temporary database, so memory does not grow with their number.
    """

    def __init__(self, path: Path, about: Mapping[str, Any], *, fresh: bool = False) -> None:
        """Open or make the file; with `fresh` what is there goes. `about` is its first line, for people.

        Raises UsageError where another process is at work on it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            self._file.close()
            raise UsageError(
                f"{path}: another evaluation is at work on these answers", hint="wait until it has ended"
            ) from e
        self._places = scratch.database(
            "places (key BLOB PRIMARY KEY, place INTEGER) WITHOUT ROWID",
            "reasons (key BLOB PRIMARY KEY, reason)",
        )
        self._left = False
        if fresh:
            self._file.truncate(0)
        self._end = self._scan()
        self._file.truncate(self._end)
        if not self._end:
            self._write(json.dumps({"version": VERSION, **about}).encode() + b"\n")

    def __enter__(self) -> AnswerFile:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()
            self._places.close()

    def want(self, key: str) -> bool:
        """Note that an answer is wanted; gives whether it is one more that is not there."""
        row = (bytes.fromhex(key), _WAITING)
        return self._places.execute("INSERT OR IGNORE INTO places VALUES (?, ?)", row).rowcount == 1

    def begin(self, key: str) -> bool:
        """Whether an answer is wanted and nobody has begun on it; from now on somebody has."""
        row = (_BEGUN, bytes.fromhex(key), _WAITING)
        changed = self._places.execute("UPDATE places SET place = ? WHERE key = ? AND place = ?", row)
        return changed.rowcount == 1

    def append(self, key: str, clip: str, answer: Answer) -> None:
        """Keep one answer; a kill after this loses it no more."""
        place = self._end
        self._write(to_line(key, clip, answer).encode())
        self._places.execute("INSERT OR REPLACE INTO places VALUES (?, ?)", (bytes.fromhex(key), place))

    def leave(self, key: str, reason: str) -> None:
        """Note, for as long as the file is open, why a clip has no answer."""
        self._left = True
        self._places.execute("INSERT OR REPLACE INTO reasons VALUES (?, ?)", (bytes.fromhex(key), reason))

    def why_none(self, key: str) -> str | None:
        """What `leave` was told of the clip."""
        if not self._left:
            return None
        found = self._places.execute("SELECT reason FROM reasons WHERE key = ?", (bytes.fromhex(key),))
        (reason,) = found.fetchone() or (None,)
        return reason

    def read(self, key: str) -> Answer:
        """Raises MissingArtifact for an answer that is not there or damaged."""
        found = self._places.execute("SELECT place FROM places WHERE key = ?", (bytes.fromhex(key),))
        (place,) = found.fetchone() or (_WAITING,)
        try:
            if place < 0:
                raise ValueError("no such answer")
            self._file.seek(place)
            return from_line(self._file.readline().decode())
        except (ValueError, UnicodeDecodeError) as e:
            raise MissingArtifact(
                f"{self.path}: the answer at byte {place} cannot be read ({e})", hint="--fresh computes anew"
            ) from e

    def _write(self, line: bytes) -> None:
        self._file.write(line)  # at the end, wherever was read before
        self._file.flush()
        self._end += len(line)

    def _scan(self) -> int:
        """Note where each whole answer lies; gives the end of the last whole line."""
        self._file.seek(0)
        place = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            if place and line.startswith(b'{"key": "') and line.endswith(b"}\n"):
                self._note(line[_KEY], place)
            place += len(line)
        return place

    def _note(self, key: bytes, place: int) -> None:
        try:
            row = (bytes.fromhex(key.decode("ascii")), place)
        except ValueError:  # no answer of ours: computed again
            return
        self._places.execute("INSERT OR REPLACE INTO places VALUES (?, ?)", row)
