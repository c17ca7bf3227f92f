"""The tables of `eat.img` as a program, each entry checked when it is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.integer import opset, records
from board_runner.integer.container import ALIGNMENT
from board_runner.integer.encode import INPUT, OUTPUT
from board_runner.integer.memory import Plan
from board_runner.integer.program import Instruction, Program, Value
from board_runner.integer.shapes import MAX_ELEMENTS

MAX_INSTRUCTIONS = 4096
"""A runner may expand an instruction into a table of 128 KiB; this bounds them together."""

MAX_RECORDS = {"VALU": 2 * MAX_INSTRUCTIONS, "TENS": 4 * MAX_INSTRUCTIONS, "CODE": MAX_INSTRUCTIONS}
MAX_RECORDS |= {"LIST": 1 << 20, "PORT": 1024}
MAX_NAME_BYTES = 1024


def program(sections: Mapping[str, bytes], *, arena_bytes: int) -> tuple[Program, Plan]:
    """Raises ModelError for an entry that points outside or breaks a bound."""
    reader = _Reader(sections)
    made = Program(
        values=reader.values(),
        instructions=reader.instructions(),
        inputs=reader.ports(INPUT),
        outputs=reader.ports(OUTPUT),
    )
    if not made.inputs or not made.outputs:
        raise ModelError("damaged image: no inputs or no outputs")
    return made, Plan(offsets=reader.offsets(), arena_bytes=arena_bytes)


class _Reader:
    """Sections as arrays of records."""

    def __init__(self, sections: Mapping[str, bytes]) -> None:
        self._names, self._data = sections["NAME"], sections["DATA"]
        self._values = _table(sections, "VALU", records.VALUE)
        self._tensors = _table(sections, "TENS", records.TENSOR)
        self._code = _table(sections, "CODE", records.INSTRUCTION)
        self._list = [int(number) for number in _table(sections, "LIST", np.dtype("<i8"))]
        self._ports = _table(sections, "PORT", records.PORT)
        self._unused = set(range(len(self._tensors)))
        self._next = 0
        self._check_extents()

    def _check_extents(self) -> None:
        """Tensors follow each other in DATA: none is stored once and unpacked many times."""
        end = 0
        for record in self._tensors:
            begin = int(record["offset"])
            if begin < end or begin % ALIGNMENT:
                raise ModelError("damaged image: tensors that overlap, or are not aligned")
            end = begin + _elements(_shape(record)) * np.dtype(_dtype(record)).itemsize
        if end > len(self._data):
            raise ModelError("damaged image: a tensor beyond its section")

    def values(self) -> tuple[Value, ...]:
        """Types, shapes, scales and zero points; raises ModelError."""
        return tuple(self._value(record) for record in self._values)

    def offsets(self) -> tuple[int | None, ...]:
        """Arena offsets."""
        return tuple(None if at == records.NO_PLACE else int(at) for at in self._values["offset"])

    def _value(self, record: Array) -> Value:
        dtype, scale, zero = _dtype(record), float(record["scale"]), int(record["zero"])
        limit = {"float32": 0, "int16": 0, "uint8": 255}.get(dtype)
        if limit is None or not 1e-37 < scale < 1e37 or not 0 <= zero <= limit:
            raise ModelError("damaged image: a type, scale or zero point out of bounds")
        return Value(dtype=dtype, shape=_shape(record), scale=scale, zero=zero)

    def instructions(self) -> tuple[Instruction, ...]:
        """Every instruction with its constants; raises ModelError."""
        return tuple(self._instruction(record) for record in self._code)

    def _instruction(self, record: Array) -> Instruction:
        name = opset.BY_CODE.get(int(record["op"]))
        if name is None:
            raise ModelError(f"instruction number {record['op']}, which the runner lacks")
        op, numbers = opset.OPS[name], self._numbers(record)
        inputs = numbers[: record["inputs"]]
        ints = numbers[record["inputs"] : record["inputs"] + record["ints"]]
        tensors = numbers[record["inputs"] + record["ints"] :]
        if len(tensors) != len(op.tensors):
            raise ModelError(f"damaged image: {name} with {len(tensors)} constants, not {len(op.tensors)}")
        return Instruction(
            op=name,
            inputs=tuple(self._index(value) for value in inputs),
            output=self._index(int(record["output"])),
            ints=_named(name, op, ints),
            tensors={key: self._tensor(index) for key, index in zip(op.tensors, tensors, strict=True)},
            name=self._name(record),
        )

    def _numbers(self, record: Array) -> list[int]:
        first = int(record["first"])
        end = first + int(record["inputs"]) + int(record["ints"]) + int(record["tensors"])
        if first != self._next or end > len(self._list):
            raise ModelError("damaged image: an instruction out of order in LIST, or beyond it")
        self._next = end
        return self._list[first:end]

    def _tensor(self, index: int) -> Array:
        if index not in self._unused:
            raise ModelError("damaged image: a tensor that is not there, or is used twice")
        self._unused.remove(index)
        record = self._tensors[index]
        shape, kind = _shape(record), np.dtype(_dtype(record)).newbyteorder("<")
        return np.frombuffer(self._data, kind, _elements(shape), int(record["offset"])).reshape(shape)

    def ports(self, kind: int) -> tuple[tuple[str, int], ...]:
        """Names and values of the inputs or the outputs."""
        if not np.isin(self._ports["kind"], (INPUT, OUTPUT)).all():
            raise ModelError("damaged image: a port that is neither input nor output")
        rows = self._ports[self._ports["kind"] == kind]
        ports = tuple((self._name(row), self._index(int(row["value"]))) for row in rows)
        if len({name for name, _ in ports}) != len(ports) or len({value for _, value in ports}) != len(ports):
            raise ModelError("damaged image: a port that is there twice")
        return ports

    def _name(self, record: Array) -> str:
        begin, length = int(record["name"]), int(record["name_length"])
        if begin + length > len(self._names) or length > MAX_NAME_BYTES:
            raise ModelError("damaged image: a name beyond NAME, or longer than 1024 bytes")
        try:
            return self._names[begin : begin + length].decode()
        except UnicodeDecodeError as e:
            raise ModelError("damaged image: a name that is not UTF-8") from e

    def _index(self, value: int) -> int:
        if not 0 <= value < len(self._values):
            raise ModelError("damaged image: a value that is not there")
        return value


def _table(sections: Mapping[str, bytes], tag: str, dtype: np.dtype[Any]) -> Array:
    if len(sections[tag]) % dtype.itemsize:
        raise ModelError(f"damaged image: section {tag} ends within a record")
    if len(sections[tag]) // dtype.itemsize > MAX_RECORDS[tag]:
        raise ModelError(f"section {tag} holds more than {MAX_RECORDS[tag]} records")
    return np.frombuffer(sections[tag], dtype)


def _named(name: str, op: opset.Op, numbers: list[int]) -> dict[str, tuple[int, ...]]:
    """The integers of an instruction by name; a list for every axis takes what the others leave."""
    fixed = sum(op.ints.values())
    lists = sum(count == opset.PER_AXIS for count in op.ints.values())
    each, over = divmod(len(numbers) - fixed, lists) if lists else (0, len(numbers) - fixed)
    if each < 0 or over:
        raise ModelError(f"damaged image: {name} with {len(numbers)} integers")
    ints, at = {}, 0
    for key, count in op.ints.items():
        size = each if count == opset.PER_AXIS else count
        ints[key] = tuple(numbers[at : at + size])
        at += size
    return ints


def _dtype(record: Array) -> str:
    number = int(record["dtype"])
    if number >= len(records.DTYPES):
        raise ModelError(f"damaged image: a tensor of type {number}")
    return records.DTYPES[number]


def _shape(record: Array) -> tuple[int, ...]:
    rank = int(record["rank"])
    if rank > records.MAX_RANK:
        raise ModelError(f"damaged image: a tensor of {rank} axes")
    shape = tuple(int(size) for size in record["shape"][:rank])
    _elements(shape)
    return shape


def _elements(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    if count > MAX_ELEMENTS:
        raise ModelError("damaged image: a shape out of bounds")
    return count
