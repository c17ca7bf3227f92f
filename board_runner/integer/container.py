"""The outside of `eat.img`: header, section table, checksums, and the lines of INFO (`docs/formats.md`)."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from board_runner.contract import InputContract
from board_runner.errors import ModelError
from board_runner.integer import opset, records

MAGIC = b"SGSDIMG\x00"
ALIGNMENT = 64
TAGS = ("INFO", "NAME", "VALU", "TENS", "CODE", "LIST", "PORT", "DATA")


def is_image(path: Path) -> bool:
    """Whether the file begins as ours do; False for what cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def seal(sections: Mapping[str, bytes], *, arena_bytes: int, version: int = opset.OLDEST) -> bytes:
    """A file of these sections, in their fixed order, under its checksums."""
    table = np.zeros(len(TAGS), records.SECTION)
    at = records.HEADER.itemsize + table.nbytes
    body = bytearray()
    for entry, tag in zip(table, TAGS, strict=True):
        body.extend(bytes(-(at + len(body)) % ALIGNMENT))
        part = sections[tag]
        entry["tag"], entry["crc32"] = tag.encode(), zlib.crc32(part)
        entry["offset"], entry["length"] = at + len(body), len(part)
        body.extend(part)
    header = np.zeros((), records.HEADER)
    header["magic"], header["version"], header["sections"] = MAGIC, version, len(TAGS)
    header["length"], header["arena_bytes"] = at + len(body), arena_bytes
    rest = table.tobytes() + bytes(body)
    digest = hashlib.sha256(header.tobytes() + rest).digest()
    header["sha256"] = np.frombuffer(digest, np.uint8)
    return header.tobytes() + rest


def version(blob: bytes) -> int:
    """The version that the header tells. Raises ModelError for what is no image of ours, or is cut short."""
    if blob[: len(MAGIC)] != MAGIC:
        raise ModelError("not an image of this runner", hint="a vendor's .img runs on the IPU only")
    if len(blob) < records.HEADER.itemsize + len(TAGS) * records.SECTION.itemsize:
        raise ModelError("damaged image: cut short")
    return int(np.frombuffer(blob, records.HEADER, 1)[0]["version"])


def split(blob: bytes) -> tuple[int, dict[str, bytes]]:
    """Arena size and sections by tag, once header and checksums hold. Raises ModelError."""
    if not opset.OLDEST <= version(blob) <= opset.NEWEST:
        raise ModelError(
            f"an image of version {version(blob)}; this runner reads {opset.OLDEST} and {opset.NEWEST}",
            hint="convert the model again, or bring the runner to the converter's version",
        )
    size = records.HEADER.itemsize
    header = np.frombuffer(blob, records.HEADER, 1)[0]
    if header["sections"] != len(TAGS) or header["length"] != len(blob):
        raise ModelError(f"damaged image: {len(blob)} bytes, {header['length']} expected")
    digest = hashlib.sha256(blob[: size - 32] + bytes(32))
    digest.update(memoryview(blob)[size:])
    if digest.digest() != header["sha256"].tobytes():
        raise ModelError("damaged image: wrong checksum")
    parts = {}
    for entry, tag in zip(np.frombuffer(blob, records.SECTION, len(TAGS), size), TAGS, strict=True):
        begin, length = int(entry["offset"]), int(entry["length"])
        part = blob[begin : begin + length] if begin + length <= len(blob) else b""
        if entry["tag"] != tag.encode() or begin % ALIGNMENT or len(part) != length:
            raise ModelError(f"damaged image: section {tag} is not where the table says")
        if zlib.crc32(part) != entry["crc32"]:
            raise ModelError(f"damaged image: wrong checksum of section {tag}")
        parts[tag] = part
    return int(header["arena_bytes"]), parts


def info_lines(chip: str, contract: InputContract) -> bytes:
    """Lines `key=value`, so that a small runtime needs no JSON."""
    lines = {
        "chip": chip,
        "contract": contract.to_json(),
        "model": contract.model,
        "sample_rate_hz": str(contract.sample_rate_hz),
        **{f"front_end.{name}": str(value) for name, value in contract.front_end.items()},
    }
    if any("\n" in part for pair in lines.items() for part in pair) or any("=" in key for key in lines):
        raise ModelError("a contract whose names or values hold a line break or '='")
    return "".join(f"{key}={lines[key]}\n" for key in sorted(lines)).encode()


def read_info(part: bytes) -> dict[str, str]:
    try:
        lines = part.decode().split("\n")[:-1]
        return {key: value for key, _, value in (line.partition("=") for line in lines)}
    except UnicodeDecodeError as e:
        raise ModelError("damaged image: INFO is not UTF-8") from e
