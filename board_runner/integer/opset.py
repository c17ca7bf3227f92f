"""The instructions: numbers in the file, types, and the constants each has. The table of `docs/formats.md`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from board_runner.integer.program import Instruction, Program

PER_AXIS = 0
"""Count of a list that has one integer for every axis."""

OLDEST, NEWEST = 2, 3
"""Versions of the format that are read; a file carries the lowest one that has all it uses."""


@dataclass(frozen=True, kw_only=True)
class Op:
    """One instruction: `arity` None takes one or more inputs; `ints` are names with counts, in file order.

    `since` is the version of the format that has it; from version 3 on a `signed` one takes negative multipliers.
    """

    code: int
    arity: int | None = 1
    source: str = "int16"
    result: str = "int16"
    ints: Mapping[str, int] = field(default_factory=dict)
    tensors: Mapping[str, str] = field(default_factory=dict)
    since: int = 2
    signed: bool = False


_RESCALE = {"multiplier": 1, "shift": 1}
_PADS = {"begins": PER_AXIS, "ends": PER_AXIS}
_CONV = {"stride": PER_AXIS, "dilation": PER_AXIS, "group": 1, **_PADS}
_CHANNELS = {"offset": "int64", "multiplier": "int32", "shift": "int8"}

OPS: Mapping[str, Op] = {
    "quantize": Op(code=1, source="float32"),
    "narrow": Op(code=2, result="uint8", ints=_RESCALE),
    "conv8": Op(code=3, source="uint8", ints=_CONV, tensors={"weight": "int8", **_CHANNELS}),
    "conv16": Op(code=4, ints=_CONV, tensors={"weight": "int16", **_CHANNELS}),
    "linear": Op(code=5, tensors={"weight": "int16", **_CHANNELS}),
    "matmul": Op(code=6, arity=2, ints=_RESCALE),
    "scale": Op(code=7, ints=_RESCALE, signed=True),
    "leaky": Op(code=8, ints={"multiplier": 2, "shift": 2}),
    "add": Op(code=9, arity=2, ints={"multiplier": 2, "shift": 1}, signed=True),
    "curve": Op(code=10, tensors={"knots": "int32"}),
    "softmax": Op(code=11, tensors={"high": "int32", "low": "int32"}),
    "layernorm": Op(code=12, ints={"shift": 1, "epsilon": 1}, tensors={"gain": "int32", "offset": "int64"}),
    "constant": Op(code=13, arity=0, tensors={"data": "int16"}),
    "pad": Op(code=14, ints={"mode": 1, **_PADS}),
    "reshape": Op(code=15, ints={"shape": PER_AXIS}),
    "transpose": Op(code=16, ints={"perm": PER_AXIS}),
    "take": Op(code=17, ints={"axis": 1, "index": 1}),
    "concat": Op(code=18, arity=None, ints={"axis": 1}),
    "mul": Op(code=19, arity=2, ints=_RESCALE, since=3),
    "clip": Op(code=20, ints={**_RESCALE, "offset": 1, "low": 1, "high": 1}, since=3),
    "sum": Op(code=21, ints={**_RESCALE, "flags": PER_AXIS}, since=3),
    "max": Op(code=22, arity=2, since=3),
    "slice": Op(code=23, ints={**_PADS, "steps": PER_AXIS}, since=3),
    "sqrt": Op(code=24, ints=_RESCALE, since=3),
    "divide": Op(code=25, arity=2, ints=_RESCALE, since=3),
    "maxpool": Op(
        code=26, ints={"kernel": PER_AXIS, "stride": PER_AXIS, "dilation": PER_AXIS, **_PADS}, since=3
    ),
}

BY_CODE = {op.code: name for name, op in OPS.items()}


def version(program: Program) -> int:
    """The lowest version of the format that has all that the program uses."""
    return max((_version(step) for step in program.instructions), default=OLDEST)


def _version(step: Instruction) -> int:
    op = OPS[step.op]
    planes = "group" in op.ints and len(step.ints["stride"]) > 1
    negative = op.signed and min(step.ints["multiplier"]) < 0
    return NEWEST if planes or negative else op.since
