"""A program as the tables of `eat.img`."""

from __future__ import annotations

import numpy as np

from board_runner.contract import Array
from board_runner.integer import opset, records
from board_runner.integer.container import ALIGNMENT
from board_runner.integer.memory import Plan
from board_runner.integer.program import Instruction, Program, Value

INPUT, OUTPUT = 0, 1


def sections(program: Program, plan: Plan) -> dict[str, bytes]:
    """Every section but INFO."""
    writer = _Writer()
    for value, offset in zip(program.values, plan.offsets, strict=True):
        writer.values.append(_value_record(value, offset))
    for step in program.instructions:
        writer.instruction(step)
    for kind, ports in ((INPUT, program.inputs), (OUTPUT, program.outputs)):
        for name, value_index in ports:
            writer.ports.append((kind, value_index, *writer.name(name)))
    return writer.sections()


def _value_record(value: Value, offset: int | None) -> Array:
    record = np.zeros((), records.VALUE)
    record["dtype"], record["rank"] = records.DTYPES.index(value.dtype), len(value.shape)
    record["zero"], record["scale"] = value.zero, value.scale
    record["offset"] = records.NO_PLACE if offset is None else offset
    record["shape"][: len(value.shape)] = value.shape
    return record


class _Writer:
    """Tables while they grow."""

    def __init__(self) -> None:
        self.values: list[Array] = []
        self.ports: list[tuple[int, int, int, int]] = []
        self._tensors: list[Array] = []
        self._code: list[Array] = []
        self._list: list[int] = []
        self._names = bytearray()
        self._data = bytearray()

    def name(self, text: str) -> tuple[int, int]:
        """Place and length of a name in NAME."""
        encoded = text.encode()
        self._names.extend(encoded)
        return len(self._names) - len(encoded), len(encoded)

    def instruction(self, step: Instruction) -> None:
        """One row of CODE, its numbers in LIST, its constants in TENS and DATA."""
        op = opset.OPS[step.op]
        ints = [number for name in op.ints for number in step.ints[name]]
        tensors = [self._tensor(step.tensors[name].astype(dtype)) for name, dtype in op.tensors.items()]
        record = np.zeros((), records.INSTRUCTION)
        record["op"], record["output"], record["first"] = op.code, step.output, len(self._list)
        record["inputs"], record["ints"], record["tensors"] = len(step.inputs), len(ints), len(tensors)
        record["name"], record["name_length"] = self.name(step.name)
        self._list += [*step.inputs, *ints, *tensors]
        self._code.append(record)

    def _tensor(self, data: Array) -> int:
        self._data.extend(bytes(-len(self._data) % ALIGNMENT))
        record = np.zeros((), records.TENSOR)
        record["dtype"], record["rank"] = records.DTYPES.index(data.dtype.name), data.ndim
        record["offset"], record["shape"][: data.ndim] = len(self._data), data.shape
        self._data.extend(np.ascontiguousarray(data).astype(data.dtype.newbyteorder("<")).tobytes())
        self._tensors.append(record)
        return len(self._tensors) - 1

    def sections(self) -> dict[str, bytes]:
        """Every section but INFO."""
        return {
            "NAME": bytes(self._names),
            "VALU": _joined(self.values, records.VALUE),
            "TENS": _joined(self._tensors, records.TENSOR),
            "CODE": _joined(self._code, records.INSTRUCTION),
            "LIST": np.array(self._list, "<i8").tobytes(),
            "PORT": np.array(self.ports, records.PORT).tobytes(),
            "DATA": bytes(self._data),
        }


def _joined(rows: list[Array], dtype: np.dtype[np.void]) -> bytes:
    return np.array(rows, dtype).tobytes()
