"""The fixed-size records of `eat.img`, little-endian, as numpy reads them; offsets in `docs/formats.md`."""

from __future__ import annotations

import numpy as np

MAX_RANK = 8

HEADER = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u4"),
        ("sections", "<u4"),
        ("length", "<u8"),
        ("arena_bytes", "<u8"),
        ("sha256", "u1", (32,)),
    ]
)
SECTION = np.dtype([("tag", "S4"), ("crc32", "<u4"), ("offset", "<u8"), ("length", "<u8")])
VALUE = np.dtype(
    [
        ("dtype", "u1"),
        ("rank", "u1"),
        ("zeros", "<u2"),
        ("zero", "<i4"),
        ("scale", "<f4"),
        ("zeros2", "<u4"),
        ("offset", "<u8"),
        ("shape", "<u4", (MAX_RANK,)),
        ("zeros3", "<u8"),
    ]
)
TENSOR = np.dtype(
    [
        ("dtype", "u1"),
        ("rank", "u1"),
        ("zeros", "<u2"),
        ("zeros2", "<u4"),
        ("offset", "<u8"),
        ("shape", "<u4", (MAX_RANK,)),
        ("zeros3", "<u8", (2,)),
    ]
)
INSTRUCTION = np.dtype(
    [
        ("op", "<u2"),
        ("inputs", "<u2"),
        ("ints", "<u2"),
        ("tensors", "<u2"),
        ("output", "<u4"),
        ("first", "<u4"),
        ("name", "<u4"),
        ("name_length", "<u4"),
        ("zeros", "<u8"),
    ]
)
PORT = np.dtype([("kind", "<u4"), ("value", "<u4"), ("name", "<u4"), ("name_length", "<u4")])

DTYPES = ("float32", "uint8", "int8", "int16", "int32", "int64")
"""A type's number is its place here."""

NO_PLACE = (1 << 64) - 1
"""Arena offset of a stored constant."""
