"""Damage for images: under broken checksums, and behind right ones where only the reader's bounds help."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from board_runner.integer import container, records

ODD = (0, 1, 2, 3, 7, 63, 64, 255, 256, 65535, 1 << 16, 1 << 28, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
ODD_WIDE = (*ODD, 1 << 40, (1 << 62) - 1, 1 << 62, (1 << 63) - 1, -1, -2, -(1 << 31), -(1 << 63))
RECORDS = {
    "VALU": records.VALUE,
    "TENS": records.TENSOR,
    "CODE": records.INSTRUCTION,
    "PORT": records.PORT,
}

Mutation = Callable[[bytes, random.Random], bytes]


def flip(blob: bytes, rng: random.Random) -> bytes:
    """One bit."""
    changed = bytearray(blob)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(blob: bytes, rng: random.Random) -> bytes:
    """The end is missing."""
    return blob[: rng.randrange(len(blob))]


def insert(blob: bytes, rng: random.Random) -> bytes:
    """Bytes too many."""
    place = rng.randrange(len(blob))
    return blob[:place] + rng.randbytes(rng.randrange(1, 70)) + blob[place:]


def section_bytes(blob: bytes, rng: random.Random) -> bytes:
    """Bytes of one section, under right checksums."""
    arena, sections = container.split(blob)
    tag = rng.choice([tag for tag in sections if sections[tag]])
    part = bytearray(sections[tag])
    for _ in range(rng.randrange(1, 4)):
        part[rng.randrange(len(part))] = rng.randrange(256)
    return container.seal({**sections, tag: bytes(part)}, arena_bytes=arena, version=container.version(blob))


def section_length(blob: bytes, rng: random.Random) -> bytes:
    """A section longer or shorter, by a record or by a byte."""
    arena, sections = container.split(blob)
    tag = rng.choice(list(sections))
    step = rng.choice([1, 8, RECORDS.get(tag, np.dtype("<i8")).itemsize])
    part = sections[tag][:-step] if rng.random() < 0.5 else sections[tag] + rng.randbytes(step)
    return container.seal({**sections, tag: part}, arena_bytes=arena, version=container.version(blob))


def field(blob: bytes, rng: random.Random) -> bytes:
    """An odd number in some fields of records, of the list, or as the size of the arena."""
    arena, sections = container.split(blob)
    for _ in range(rng.randrange(1, 3)):
        tag = rng.choice([*RECORDS, "LIST", "arena"])
        if tag == "arena":
            arena = rng.choice(ODD)
        elif tag == "LIST":
            numbers = np.frombuffer(sections[tag], "<i8").copy()
            numbers[rng.randrange(len(numbers))] = rng.choice(ODD_WIDE)
            sections[tag] = numbers.tobytes()
        else:
            sections[tag] = _odd_field(sections[tag], RECORDS[tag], rng)
    return container.seal(sections, arena_bytes=arena, version=container.version(blob))


def _odd_field(part: bytes, dtype: np.dtype[np.void], rng: random.Random) -> bytes:
    rows = np.frombuffer(part, dtype).copy()
    row = rows[rng.randrange(len(rows))]
    name = rng.choice([n for n in dtype.names or () if not n.startswith("zeros")])
    kind = dtype[name].base
    if kind.kind == "f":
        new = np.array(rng.choice([0.0, -1.0, 1e-38, 1e38, float("inf"), float("nan")]), kind)
    else:
        new = np.array(rng.choice(ODD_WIDE) & ((1 << (8 * kind.itemsize)) - 1), f"u{kind.itemsize}").view(
            kind
        )
    if dtype[name].shape:
        row[name][rng.randrange(dtype[name].shape[0])] = new
    else:
        row[name] = new
    return rows.tobytes()


def swap(blob: bytes, rng: random.Random) -> bytes:
    """Two records of a table change places."""
    arena, sections = container.split(blob)
    tag = rng.choice(list(RECORDS))
    rows = np.frombuffer(sections[tag], RECORDS[tag]).copy()
    a, b = rng.randrange(len(rows)), rng.randrange(len(rows))
    rows[[a, b]] = rows[[b, a]]
    return container.seal(
        {**sections, tag: rows.tobytes()}, arena_bytes=arena, version=container.version(blob)
    )


CHECKSUM_BREAKING: tuple[Mutation, ...] = (flip, cut, insert)
RESEALED: tuple[Mutation, ...] = (section_bytes, section_length, field, swap)
