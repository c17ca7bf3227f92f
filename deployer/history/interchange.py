"""Runs out of the history and into it, as JSON.

A run is its record, an object as it was kept; where the run has tags they are one key more, `tags`. What is read is
one run, an array of runs, or a folder of such files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from board_runner.errors import DeployError, InputError, UsageError
from deployer import whole_file
from deployer.history.entry import Columns, Entry, Kept
from deployer.history.store import History

TAGS = "tags"


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What came in; `refused` tells, for each run that did not, where it stood and why."""

    added: int
    known: int
    refused: tuple[str, ...] = ()


def keep(history: History, record: Kept) -> None:
    """Add a record that cost time to make; an error of the history names the file where the record is then."""
    try:
        history.add(record)
    except DeployError as e:
        path = write_file(history.path.parent, record.id, asdict(record))  # type: ignore[call-overload]
        raise type(e)(
            f"{e}; the run itself is kept in {path}", hint=f"{e.hint}; then `deploy history import {path}`"
        ) from e


def as_json(entry: Entry, fields: dict[str, Any]) -> dict[str, Any]:
    """A run as it travels."""
    return {**fields, TAGS: list(entry.tags)} if entry.tags else fields


def write(folder: Path, runs: Iterable[tuple[Entry, dict[str, Any]]]) -> list[Path]:
    """`<id>.json` for each run, each file whole or not there; gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for entry, fields in runs:
        paths.append(write_file(folder, entry.id, as_json(entry, fields)))
    return paths


def write_file(folder: Path, id: str, fields: dict[str, Any]) -> Path:
    """`<id>.json`, whole or not there."""
    path = folder / f"{id}.json"
    text = json.dumps(fields, indent=1, ensure_ascii=False, default=str) + "\n"
    whole_file.write(path, text.encode())
    return path


def read(history: History, place: Path) -> Imported:
    """Take in a file, or every `*.json` of a folder. A run that is there already is one run, with all tags.

    A run that cannot be taken is told and stops no other. Raises InputError where `place` itself cannot be read.
    """
    added = known = 0
    refused: list[str] = []
    for where, fields in _runs(place, refused):
        try:
            if not isinstance(fields, dict):
                raise InputError("not a run record")
            tags = fields.pop(TAGS, ())
            if not (isinstance(tags, (list, tuple)) and all(isinstance(tag, str) for tag in tags)):
                raise InputError("tags are not a list of names")
            new = history.add_all([Columns.of_fields(fields)], tags=tags)
        except InputError as e:
            refused.append(f"{where}: {e}")
        except UsageError as e:
            if type(e) is not UsageError:  # MachineRefused: no other run would fare better
                raise
            refused.append(f"{where}: {e}")
        else:
            added, known = added + new, known + (not new)
    return Imported(added=added, known=known, refused=tuple(refused))


def _runs(place: Path, refused: list[str]) -> Iterator[tuple[str, Any]]:
    if not place.is_dir():
        yield from _of_file(place)
        return
    for path in sorted(place.glob("*.json")):
        try:
            yield from _of_file(path)
        except InputError as e:
            refused.append(str(e))


def _of_file(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as e:
        raise InputError(f"{path}: not JSON that can be read ({e})") from e
    if not isinstance(value, list):
        yield str(path), value
        return
    for number, item in enumerate(value, start=1):
        yield f"{path}, run {number}", item
