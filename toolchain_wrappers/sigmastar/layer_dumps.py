"""`sigma_outtensor_dump.bin`, the tensors of every layer, and the `DebugConfig.txt` that asks for it.

The file is text headers and raw data in turn. Public are the order of the three header lines, the closing
line and the first line of the file, from the vendor's own readers of it; the rest is a setting of `Format`.
"""

from __future__ import annotations

import math
import mmap
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from board_runner.contract import Array
from toolchain_wrappers.errors import ToolchainError

CONFIG = "DebugConfig.txt"
DUMP = "sigma_outtensor_dump.bin"
MAX_PATH_BYTES = 122
"""Longer, and the tools write no file."""

_LONGEST_LINE = 4096
_MOST_DIMS = 16


@dataclass(frozen=True, kw_only=True)
class Format:
    """What the file's writer is taken to do. Types are numpy's by the word after `type:`.

    `float_type` holds the data where the first line says `isFloat: 1`, whatever `type:` says;
    `blank_lines` may stand between header and data; `align` names how a padded tensor lies.
    """

    first: str = r"isFloat: *(?P<float>\d+)"
    tensor: str = (
        r"//out +(?P<output>\d+) +s: *(?P<scale>\S+) +z: *(?P<zero>\S+) +type: *(?P<type>\S+) +name: *(?P<name>.*?)"
        r" +bConstant: *(?P<constant>\d+) +shape: *\[(?P<shape>[\d, ]*)\] *dims: *(?P<dims>\d+)"
    )
    op: str = r"op_out\[(?P<index>\d+)\] *(?P<op>.*?) *= *\{"
    size: str = r"//buffer data size: *(?P<bytes>\d+)"
    closing: bytes = rb"\s*\}\s*;?[ \t]*\r?\n?"
    float_type: str = "<f4"
    types: Mapping[str, str] = field(
        default_factory=lambda: {
            "float": "<f4",
            "FLOAT32": "<f4",
            "SGS_F32": "<f4",
            "SGS_S16": "<i2",
            "INT16": "<i2",
            "SGS_U8": "|u1",
            "UINT8": "|u1",
            "SGS_S8": "|i1",
            "INT8": "|i1",
            "SGS_S32": "<i4",
            "INT32": "<i4",
        }
    )
    blank_lines: tuple[int, ...] = (0, 1)
    keep_constants: bool = False


@dataclass(frozen=True, kw_only=True)
class Block:
    """One output of one operator: where its data lies, and how it is to be read.

    `dtype` is numpy's; real = (stored - zero) * scale for integers. `stored_shape` is wider than `shape` where
    the innermost dimension is padded.
    """

    name: str
    op: str
    op_index: int
    shape: tuple[int, ...]
    stored_shape: tuple[int, ...]
    dtype: str
    scale: float
    zero: int
    offset: int


class Dump(Mapping[str, Array]):
    """A dump by tensor name, in the order of execution; a tensor is read when it is asked for, as float32.

    Raises ToolchainError for a file that is no dump, is cut short, or holds text (`dumpasstring`).
    """

    def __init__(self, path: Path, form: Format = Format()) -> None:
        self.path = path
        self.blocks = {block.name: block for block in _blocks(path, form)}

    def __getitem__(self, name: str) -> Array:
        block = self.blocks[name]
        count = math.prod(block.stored_shape)
        stored = np.fromfile(self.path, dtype=block.dtype, count=count, offset=block.offset)
        values = stored.reshape(block.stored_shape)[tuple(slice(size) for size in block.shape)]
        if np.issubdtype(stored.dtype, np.floating):
            return np.ascontiguousarray(values, dtype=np.float32)
        return (values.astype(np.float32) - np.float32(block.zero)) * np.float32(block.scale)

    def __iter__(self) -> Iterator[str]:
        return iter(self.blocks)

    def __len__(self) -> int:
        return len(self.blocks)


def config(folder: str, *, dequantised: bool) -> str:
    """`DebugConfig.txt` for a dump into `folder`, as the tools see it. Raises ToolchainError for a long path."""
    if len(folder.encode()) > MAX_PATH_BYTES:
        raise ToolchainError(
            f"the tools cannot dump into {folder}: more than {MAX_PATH_BYTES} bytes",
            hint="set TMPDIR to a shorter path",
        )
    lines = ("dumpTensor", "eliminateGarbage", "dequantFixed" if dequantised else "#dequantFixed")
    return "\n".join((*lines, "#dumpasstring", "#disableDomainFuseOps", f"path={folder}", ""))


def _blocks(path: Path, form: Format) -> Iterator[Block]:
    if not path.is_file() or path.stat().st_size == 0:
        raise ToolchainError(f"no layer dump in {path}")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            yield from _Reader(data, form).blocks()
        except ToolchainError as e:
            raise ToolchainError(f"{path.name}: {e}", hint=e.hint) from e


class _Reader:
    """A walk through the file: header lines until one states a size, then that many bytes."""

    def __init__(self, data: mmap.mmap, form: Format) -> None:
        self._data, self._form = data, form
        self._at = 0
        self._float = False

    def blocks(self) -> Iterator[Block]:
        header: dict[str, str] = {}
        found = False
        while (line := self._line()) is not None:
            for pattern in (self._form.first, self._form.tensor, self._form.op):
                if match := re.search(pattern, line):
                    header |= match.groupdict()
            self._float = header.pop("float", "1" if self._float else "0") == "1"
            size = re.search(self._form.size, line)
            if size is None:
                continue
            start = self._skip(int(size["bytes"]), header.get("name", "?"))
            if {"name", "shape", "index"} <= header.keys() and int(size["bytes"]):
                found = True
                if header["constant"] == "0" or self._form.keep_constants:
                    yield self._block(header, start, int(size["bytes"]))
            header = {}
        if not found:
            raise ToolchainError("holds no layer: not a dump, or written by an unknown release")

    def _line(self) -> str | None:
        if self._at >= len(self._data):
            return None
        end = self._data.find(b"\n", self._at, self._at + _LONGEST_LINE)
        if end < 0 and len(self._data) - self._at >= _LONGEST_LINE:
            raise ToolchainError(
                f"no header at byte {self._at}: not a dump, or written by an unknown release"
            )
        stop = end + 1 if end >= 0 else len(self._data)
        line = self._data[self._at : stop].decode("utf-8", "replace").rstrip("\r\n")
        self._at = stop
        return line

    def _skip(self, size: int, name: str) -> int:
        """Step over the data and what closes it; gives where the data begins."""
        for blank in self._form.blank_lines:
            start = self._at + blank
            if start + size > len(self._data) or self._data[self._at : start] != b"\n" * blank:
                continue
            after = self._data[start + size : start + size + 16]
            if (match := re.match(self._form.closing, after)) or not after or after.startswith(b"//"):
                self._at = start + size + (match.end() if match else 0)
                return start
        left = len(self._data) - self._at
        if left < size:
            raise ToolchainError(f"tensor {name!r}: {size} bytes stated, {left} there: the file is cut short")
        raise ToolchainError(
            f"tensor {name!r} does not end after the {size} bytes stated",
            hint="`dumpasstring` must be off in DebugConfig.txt",
        )

    def _block(self, header: Mapping[str, str], start: int, size: int) -> Block:
        name, word = header["name"], header["type"]
        shape = tuple(int(part) for part in header["shape"].replace(",", " ").split())
        try:
            scale, zero = float(header["scale"]), int(header["zero"])
        except ValueError as e:
            raise ToolchainError(f"tensor {name!r}: its scale or zero point is no number: {e}") from e
        if len(shape) != int(header["dims"]) or len(shape) > _MOST_DIMS:
            raise ToolchainError(f"tensor {name!r}: {header['dims']} dimensions stated, shape {list(shape)}")
        dtype = self._form.float_type if self._float else self._form.types.get(word)
        if dtype is None:
            raise ToolchainError(f"tensor {name!r} is of a type {word!r} that is not known")
        stored = _stored(shape, size, np.dtype(dtype).itemsize)
        if stored is None:
            raise ToolchainError(f"tensor {name!r}: {size} bytes do not hold {word}{list(shape)}")
        return Block(
            name=name,
            op=header["op"],
            op_index=int(header["index"]),
            shape=shape,
            stored_shape=stored,
            dtype=dtype,
            scale=scale,
            zero=zero,
            offset=start,
        )


def _stored(shape: tuple[int, ...], size: int, item: int) -> tuple[int, ...] | None:
    """The shape in the file: as stated, or with a padded innermost dimension; None when neither fits."""
    outer = math.prod(shape[:-1])
    if size % item or outer == 0 or size // item % outer:
        return None
    inner = size // item // outer
    if not shape:
        return () if inner == 1 else None
    return (*shape[:-1], inner) if inner >= shape[-1] else None
