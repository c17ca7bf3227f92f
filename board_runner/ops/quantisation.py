"""QuantizeLinear and DequantizeLinear for 8 and 16 bits, per tensor or per axis."""

from __future__ import annotations

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.ops.base import Call, Op
from board_runner.ops.elementwise import DTYPES


def _along(parameter: Array, x: Array, axis: int) -> Array:
    """A scale or zero point in the shape that broadcasts over x along `axis`."""
    if parameter.size == 1:
        return parameter.reshape(())
    if parameter.ndim != 1:
        raise ModelError("quantisation in blocks, which the runner lacks")
    shape = [1] * x.ndim
    shape[axis] = parameter.size
    return parameter.reshape(shape)


def quantize_linear(call: Call) -> Array:
    """saturate(round_half_even(x / scale) + zero_point), uint8 where nothing says otherwise."""
    x, zero = call[0], call.optional(2)
    number = int(call.attr("output_dtype", 0) or 2)
    dtype = zero.dtype if zero is not None else np.dtype(DTYPES.get(number, np.void))
    if dtype.kind not in "iu":
        raise ModelError(f"QuantizeLinear to {dtype}, which the runner lacks")
    axis = int(call.attr("axis", 1))
    levels = np.rint(x / _along(call[1], x, axis))
    if zero is not None:
        levels = levels + _along(zero, x, axis).astype(levels.dtype)
    info = np.iinfo(dtype)
    return np.asarray(np.clip(levels, info.min, info.max)).astype(dtype)


def dequantize_linear(call: Call) -> Array:
    """(x - zero_point) * scale, in the type of the scale."""
    x, scale, zero = call[0], call[1], call.optional(2)
    axis = int(call.attr("axis", 1))
    levels = x.astype(np.int32)
    if zero is not None:
        levels = levels - _along(zero, x, axis).astype(np.int32)
    return np.asarray(levels.astype(scale.dtype) * _along(scale, x, axis))


OPS: dict[str, Op] = {"QuantizeLinear": quantize_linear, "DequantizeLinear": dequantize_linear}
