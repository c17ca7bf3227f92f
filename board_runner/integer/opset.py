"""The instructions: numbers in the file, types, and the constants each has. The table of `docs/formats.md`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PER_AXIS = 0
"""Count of a list that has one integer for every axis of the output."""


@dataclass(frozen=True, kw_only=True)
class Op:
    """One instruction: `arity` None takes one or more inputs; `ints` are names with counts, in file order."""

    code: int
    arity: int | None = 1
    source: str = "int16"
    result: str = "int16"
    ints: Mapping[str, int] = field(default_factory=dict)
    tensors: Mapping[str, str] = field(default_factory=dict)


_RESCALE = {"multiplier": 1, "shift": 1}
_CONV = {"stride": 1, "dilation": 1, "group": 1, "pads": 2}
_CHANNELS = {"offset": "int64", "multiplier": "int32", "shift": "int8"}

OPS: Mapping[str, Op] = {
    "quantize": Op(code=1, source="float32"),
    "narrow": Op(code=2, result="uint8", ints=_RESCALE),
    "conv8": Op(code=3, source="uint8", ints=_CONV, tensors={"weight": "int8", **_CHANNELS}),
    "conv16": Op(code=4, ints=_CONV, tensors={"weight": "int16", **_CHANNELS}),
    "linear": Op(code=5, tensors={"weight": "int16", **_CHANNELS}),
    "matmul": Op(code=6, arity=2, ints=_RESCALE),
    "scale": Op(code=7, ints=_RESCALE),
    "leaky": Op(code=8, ints={"multiplier": 2, "shift": 2}),
    "add": Op(code=9, arity=2, ints={"multiplier": 2, "shift": 1}),
    "curve": Op(code=10, tensors={"knots": "int32"}),
    "softmax": Op(code=11, tensors={"high": "int32", "low": "int32"}),
    "layernorm": Op(code=12, ints={"shift": 1, "epsilon": 1}, tensors={"gain": "int32", "offset": "int64"}),
    "constant": Op(code=13, arity=0, tensors={"data": "int16"}),
    "pad": Op(code=14, ints={"mode": 1, "begins": PER_AXIS, "ends": PER_AXIS}),
    "reshape": Op(code=15, ints={"shape": PER_AXIS}),
    "transpose": Op(code=16, ints={"perm": PER_AXIS}),
    "take": Op(code=17, ints={"axis": 1, "index": 1}),
    "concat": Op(code=18, arity=None, ints={"axis": 1}),
}

BY_CODE = {op.code: name for name, op in OPS.items()}
