"""`eat.img`: the container of an integer program. Reading runs no code and checks every bound."""

from __future__ import annotations

import hashlib
import json
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from board_runner.contract import Array, InputContract
from board_runner.errors import ModelError
from board_runner.integer import shapes
from board_runner.integer.program import Instruction, Program, Value

MAGIC = b"SGSDIMG\x00"
VERSION = 1
ALIGNMENT = 64
HEAD = struct.Struct("<8sIIQ32s")
"""Magic, version, sections, length of the file, SHA-256 of all that follows these 56 bytes."""

SECTION = struct.Struct("<4sIQQ")
"""Tag, CRC-32, offset, length; HEAD and two of these, then the sections."""

TAGS = (b"JSON", b"DATA")
DTYPES = {"int8": "<i1", "int16": "<i2", "int64": "<i8"}
MAX_BYTES = 1 << 31


@dataclass(frozen=True, kw_only=True)
class Image:
    """What an image holds."""

    chip: str
    contract: InputContract
    program: Program


def is_image(path: Path) -> bool:
    """Whether the file begins as ours do; False for what cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def pack(image: Image) -> bytes:
    """The bytes of the file."""
    data = bytearray()
    instructions = [_instruction_json(step, data) for step in image.program.instructions]
    header = {
        "chip": image.chip,
        "contract": image.contract.to_json(),
        "inputs": image.program.inputs,
        "instructions": instructions,
        "outputs": [
            [name, value, image.program.values[value].scale] for name, value in image.program.outputs
        ],
        "values": [[v.dtype, v.shape, v.scale, v.zero] for v in image.program.values],
    }
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    return seal(text, bytes(data))


def seal(text: bytes, data: bytes) -> bytes:
    """Sections under their checksums."""
    first = _aligned(HEAD.size + len(TAGS) * SECTION.size)
    second = _aligned(first + len(text))
    table = SECTION.pack(TAGS[0], zlib.crc32(text), first, len(text))
    table += SECTION.pack(TAGS[1], zlib.crc32(data), second, len(data))
    body = table.ljust(first - HEAD.size, b"\0") + text.ljust(second - first, b"\0") + data
    digest = hashlib.sha256(body).digest()
    return HEAD.pack(MAGIC, VERSION, len(TAGS), HEAD.size + len(body), digest) + body


def read(path: Path) -> Image:
    """Read and check a file; raises ModelError with its name for any damage."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ModelError("larger than 2 GiB")
        return unpack(path.read_bytes())
    except OSError as e:
        raise ModelError(f"{path}: cannot be read ({e.strerror or e})") from e
    except ModelError as e:
        raise ModelError(f"{path}: {e}", hint=e.hint) from e


def unpack(blob: bytes) -> Image:
    """Read and check the bytes of a file; raises ModelError."""
    text, data = _sections(blob)
    try:
        header = json.loads(text)
        values = tuple(_value(v) for v in header["values"])
        steps = tuple(_instruction(step, data, len(values)) for step in header["instructions"])
        inputs = tuple((str(n), _index(v, len(values))) for n, v in header["inputs"])
        outputs = tuple((str(n), _index(v, len(values))) for n, v, _ in header["outputs"])
        contract, chip = InputContract.from_json(header["contract"]), header["chip"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as e:
        raise ModelError(f"damaged image header: {type(e).__name__}: {e}") from e
    if not isinstance(chip, str) or not inputs or not outputs:
        raise ModelError("damaged image header: no chip, inputs or outputs")
    for number, (_, value, scale) in enumerate(header["outputs"]):
        if scale != values[value].scale:
            raise ModelError(f"damaged image header: output {number} has two scales")
    program = Program(values=values, instructions=steps, inputs=inputs, outputs=outputs)
    return Image(chip=chip, contract=contract, program=program)


def _sections(blob: bytes) -> tuple[bytes, bytes]:
    if blob[: len(MAGIC)] != MAGIC:
        raise ModelError("not an image of this runner", hint="a vendor's .img runs on the IPU only")
    if len(blob) < HEAD.size + len(TAGS) * SECTION.size:
        raise ModelError("damaged image: cut short")
    _, version, count, length, digest = HEAD.unpack_from(blob)
    if version != VERSION:
        raise ModelError(f"an image of version {version}; this runner reads {VERSION}")
    if count != len(TAGS) or length != len(blob):
        raise ModelError(f"damaged image: {len(blob)} bytes, {length} expected")
    if hashlib.sha256(memoryview(blob)[HEAD.size :]).digest() != digest:
        raise ModelError("damaged image: wrong checksum")
    parts = []
    for number, wanted in enumerate(TAGS):
        tag, crc, offset, size = SECTION.unpack_from(blob, HEAD.size + number * SECTION.size)
        part = blob[offset : offset + size] if offset + size <= len(blob) else b""
        if tag != wanted or offset % ALIGNMENT or len(part) != size or zlib.crc32(part) != crc:
            raise ModelError(f"damaged image: section {wanted.decode()}")
        parts.append(part)
    return parts[0], parts[1]


def _instruction_json(step: Instruction, data: bytearray) -> dict[str, Any]:
    tensors = {}
    for name, value in sorted(step.tensors.items()):
        data.extend(bytes(_aligned(len(data)) - len(data)))
        dtype = value.dtype.name
        tensors[name] = [dtype, value.shape, len(data)]
        data.extend(np.ascontiguousarray(value).astype(DTYPES[dtype]).tobytes())
    return {
        "inputs": step.inputs,
        "ints": dict(step.ints),
        "name": step.name,
        "op": step.op,
        "output": step.output,
        "tensors": tensors,
    }


def _instruction(fields: dict[str, Any], data: bytes, n_values: int) -> Instruction:
    return Instruction(
        op=str(fields["op"]),
        inputs=tuple(_index(v, n_values) for v in fields["inputs"]),
        output=_index(fields["output"], n_values),
        ints={name: tuple(_int(v) for v in values) for name, values in fields["ints"].items()},
        tensors={name: _tensor(entry, data) for name, entry in fields["tensors"].items()},
        name=str(fields["name"]),
    )


def _tensor(entry: Any, data: bytes) -> Array:
    dtype, shape, offset = entry
    sizes, start = _shape(shape), _int(offset)
    kind = np.dtype(DTYPES[dtype])
    count = math.prod(sizes)
    if start < 0 or start % ALIGNMENT or start + count * kind.itemsize > len(data):
        raise ModelError("damaged image: a tensor beyond its section")
    return np.frombuffer(data, kind, count, start).reshape(sizes).astype(dtype, copy=False)


def _value(entry: Any) -> Value:
    dtype, shape, scale, zero = entry
    limits = {"float32": (0, 0), "int16": (0, 0), "uint8": (0, 255)}[dtype]
    if not isinstance(scale, float) or not 1e-37 < scale < 1e37 or not limits[0] <= _int(zero) <= limits[1]:
        raise ModelError("damaged image: a scale or zero point out of bounds")
    return Value(dtype=dtype, shape=_shape(shape), scale=scale, zero=zero)


def _shape(sizes: Any) -> tuple[int, ...]:
    shape = tuple(_int(size) for size in sizes)
    if len(shape) > 8 or min(shape, default=1) < 0 or math.prod(shape) > shapes.MAX_ELEMENTS:
        raise ModelError("damaged image: a shape out of bounds")
    return shape


def _index(value: Any, count: int) -> int:
    if not 0 <= _int(value) < count:
        raise ModelError("damaged image: a value that is not there")
    return int(value)


def _int(value: Any) -> int:
    if type(value) is not int or abs(value) >= 1 << 63:
        raise ModelError("damaged image: not an integer")
    return value


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
