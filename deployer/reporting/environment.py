"""Where and with what a record was made, as rows of a table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployer.records import RunRecord


@dataclass(frozen=True)
class Fact:
    """A name and what is known of it."""

    name: str
    value: str


def facts(record: RunRecord) -> tuple[Fact, ...]:
    """The run, the board, every setting, and what is known of board and host."""
    board = record.board
    known: list[tuple[str, str | None]] = [
        ("run", f"{record.id} ({record.kind})"),
        ("made", record.created),
        ("deploy", record.tool_version or None),
        ("board", board.name),
        ("address", board.address),
        ("chip", board.chip or "unverified"),
        ("machine", board.machine),
        ("kernel", board.kernel),
        ("temperature at the start", None if board.temperature_c is None else f"{board.temperature_c:g} °C"),
    ]
    found = {name: value for name, value in known if value is not None}
    for name, value in [*flat(record.settings), *flat(record.environment)]:
        if found.get(name) != value:
            found[name if name not in found else f"{name}, as set"] = value
    return tuple(Fact(name, value) for name, value in found.items())


def hashes(record: RunRecord) -> tuple[Fact, ...]:
    """SHA-256 of program and model; that of all the clips in one, for a list of thousands helps nobody.

    The one over the clips is that of the lines `DIGEST  NAME`, by name, as `sha256sum * | sha256sum` has them.
    """
    run = _clips(record)
    clips = {clip: digest for clip, digest in record.sha256.items() if clip in run}
    found = [Fact(name, digest) for name, digest in record.sha256.items() if name not in clips]
    if clips:
        lines = "".join(f"{clips[clip]}  {clip}\n" for clip in sorted(clips))
        found.append(Fact(f"{len(clips)} clips", hashlib.sha256(lines.encode(errors="replace")).hexdigest()))
    return tuple(found)


def flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Names and values as text, those of mappings within after their own name; what is None is left out."""
    for key, value in values.items():
        name = f"{above}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from flat(value, f"{name}, ")
        elif isinstance(value, list | tuple):
            yield name, ", ".join(str(each) for each in value)
        elif value is not None:
            yield name, str(value)


def _clips(record: RunRecord) -> set[str]:
    seen = {sample.clip for sample in record.samples} | {failure.clip for failure in record.failures}
    return seen | set(record.clip_seconds)
