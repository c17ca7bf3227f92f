"""Convolutions of uint8 with int8 and of int16 with int16, exact through BLAS.

uint8 levels enter as x - 128 and int8 weights stay: with 128 * sum|w| below 2^24 every partial sum is an
integer that float32 holds, in any order of addition; else float64 does, as for int16 (bound 2^53).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.integer import requant, shapes
from board_runner.integer.program import Instruction, Value

TILE_ELEMENTS = 1 << 18
"""Elements of the unfolded input of one tile: it and its product stay in the second-level cache."""


def requantiser(
    instruction: Instruction, bias: Array, bound: int, column: tuple[int, ...]
) -> Callable[[Array], Array]:
    """From float accumulators without bias to int16; `bound` holds for them with bias."""
    multiplier = shapes.tensor(instruction, "multiplier", "int64", bias.shape)
    shift = shapes.tensor(instruction, "shift", "int64", bias.shape)
    if not (((0 <= multiplier) & (multiplier < 1 << 31)).all() and ((1 <= shift) & (shift <= 52)).all()):
        raise ModelError("a multiplier or shift out of bounds")
    if bound * int(multiplier.max(initial=0)) + (1 << 51) >= requant.INT_LIMIT:
        raise ModelError("a requantisation that passes 2^62")
    in_float = requant.fits_float(bound, multiplier, shift)
    b, m, s = bias.reshape(column), multiplier.reshape(column), shift.reshape(column)

    if not in_float:
        return lambda acc: requant.to_int16(requant.by_int(acc.astype(np.int64) + b, m, s))
    factor = m.astype(np.float64)
    offset = b.astype(np.float64) * factor + np.ldexp(0.5, s)
    unit = np.ldexp(1.0, -s)

    def run(acc: Array) -> Array:
        levels = np.multiply(acc, factor, dtype=np.float64)
        levels += offset
        levels *= unit
        return requant.to_int16(np.floor(levels, out=levels))

    return run


def bounds(weight: Array, bias: Array, *, narrow: bool) -> tuple[int, Array, int]:
    """Bound of the sums of products, the bias with 128 * sum(w) put back, and the bound with bias.

    Raises ModelError where float64 could not hold them.
    """
    wide, centre = weight.astype(np.int64), 128 if narrow else 0
    axes = tuple(range(1, weight.ndim))
    if float(np.abs(bias.astype(np.float64)).max(initial=0)) >= 1 << 52:
        raise ModelError("a bias that passes 2^52")
    reach = (128 if narrow else 32768) * int(np.abs(wide).sum(axis=axes).max(initial=0))
    if reach >= requant.FLOAT_LIMIT:
        raise ModelError("sums of products that pass 2^53")
    bias = bias + centre * wide.sum(axis=axes)
    return reach, bias, reach + int(np.abs(bias).max(initial=0))


def conv(
    instruction: Instruction, inputs: Sequence[Value], output: Value
) -> Callable[[Sequence[Array]], Array]:
    """(1, C, L) -> (1, M, L') int16. The stored bias holds -zero * sum(w) already."""
    narrow = instruction.op == "conv8"
    weight = instruction.tensors["weight"]
    shapes.tensor(instruction, "weight", "int8" if narrow else "int16", weight.shape)
    bias = shapes.tensor(instruction, "bias", "int64", weight.shape[:1])
    reach, bias, bound = bounds(weight, bias, narrow=narrow)
    finish = requantiser(instruction, bias, bound, (-1, 1))
    centre = 128 if narrow else 0
    kind = np.float32 if reach < 1 << 24 else np.float64
    kernel = weight.astype(kind)
    pads, zero = instruction.ints["pads"], inputs[0].zero

    def run(xs: Sequence[Array]) -> Array:
        x = xs[0][0]
        if any(pads):
            x = np.pad(x, ((0, 0), pads), constant_values=zero)
        return _run(x, kernel, instruction, centre=centre, length=output.shape[2], finish=finish)[None]

    return run


def _run(
    x: Array,
    kernel: Array,
    instruction: Instruction,
    *,
    centre: int,
    length: int,
    finish: Callable[[Array], Array],
) -> Array:
    (stride,), (dilation,), (group,) = (instruction.ints[k] for k in ("stride", "dilation", "group"))
    rows, depth, taps = kernel.shape
    depthwise = depth == 1 and rows == group
    y = np.empty((rows, length), np.int16)
    step = max(256, TILE_ELEMENTS // max(1, group * depth * taps))
    for start in range(0, length, step):
        count = min(step, length - start)
        first = start * stride
        part = x[:, first : first + (count - 1) * stride + dilation * (taps - 1) + 1].astype(kernel.dtype)
        if centre:
            part -= kernel.dtype.type(centre)
        ends = [k * dilation + (count - 1) * stride + 1 for k in range(taps)]
        shifted = [part[:, k * dilation : ends[k] : stride] for k in range(taps)]
        if depthwise:
            acc = shifted[0] * kernel[:, :, 0]
            for k in range(1, taps):
                acc += shifted[k] * kernel[:, :, k]
        elif taps == 1 and group == 1:
            acc = kernel[:, :, 0] @ shifted[0]
        else:
            columns = np.stack(shifted, axis=1).reshape(group, depth * taps, count)
            acc = (kernel.reshape(group, rows // group, -1) @ columns).reshape(rows, count)
        y[:, start : start + count] = finish(acc)
    return y
