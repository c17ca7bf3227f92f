"""Convolutions of uint8 with int8 and of int16 with int16, exact through BLAS.

uint8 levels enter as x - 128 and int8 weights stay: with 128 * sum|w| below 2^24 every partial sum is an
integer that float32 holds, in any order of addition; else float64 does, as for int16 (bound 2^53).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from board_runner.contract import Array
from board_runner.integer import constants, requant
from board_runner.integer.program import Instruction, Kernel, Value
from board_runner.integer.requant import Finish

TILE_ELEMENTS = 1 << 18
"""Elements of the unfolded input of one tile: it and its product stay in the second-level cache."""


def conv(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """(1, C, L) -> (1, M, L') int16. The stored offset holds bias and zero point already."""
    weight, largest = constants.channels(instruction, axis=0)
    narrow = instruction.op == "conv8"
    centre = 128 if narrow else 0
    reach = largest * (128 if narrow else 32768)
    kind = np.float32 if reach < 1 << 24 else np.float64
    multiplier, shift, offset = (
        instruction.tensors[name].astype(np.int64).reshape(-1, 1)
        for name in ("multiplier", "shift", "offset")
    )
    moved = offset + multiplier * (centre * weight.astype(np.int64).sum(axis=(1, 2))).reshape(-1, 1)
    finish = requant.finisher(multiplier, shift, moved, reach=reach)
    kernel = weight.astype(kind)
    pads, zero = instruction.ints["pads"], inputs[0].zero

    def run(xs: Sequence[Array], out: Array) -> Array:
        x = xs[0][0]
        if any(pads):
            x = np.pad(x, ((0, 0), pads), constant_values=zero)
        _run(x, kernel, instruction, centre=centre, finish=finish, out=out[0])
        return out

    return run


def _run(
    x: Array, kernel: Array, instruction: Instruction, *, centre: int, finish: Finish, out: Array
) -> None:
    (stride,), (dilation,), (group,) = (instruction.ints[k] for k in ("stride", "dilation", "group"))
    rows, depth, taps = kernel.shape
    length = out.shape[1]
    depthwise = depth == 1 and rows == group
    step = max(1, TILE_ELEMENTS // max(1, group * depth * taps))
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
        finish(acc, out[:, start : start + count])
