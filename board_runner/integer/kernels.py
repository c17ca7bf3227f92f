"""One kernel an instruction: `prepare` checks its constants and gives the function that runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.integer import constants, convolution, dense, moves, pairs, requant
from board_runner.integer.program import Instruction, Kernel, Value

LEVELS = np.arange(-32768, 32768, dtype=np.int64)
KNOTS = 1025
CURVE_SHIFT = 14
"""6 bits of the place between two knots and 8 of the knots' own fraction."""


def by_table(table: Array) -> Kernel:
    """Look each int16 up in 65536 entries, the first for -32768."""
    rolled = np.roll(table, -32768)  # index by the bits of the level, read as uint16

    def run(xs: Sequence[Array], out: Array) -> Array:
        return np.take(rolled, xs[0].view(np.uint16), mode="wrap", out=out)

    return run


def _level(instruction: Instruction, which: int = 0) -> Array:
    """Every int16 level through multiplier and shift number `which`."""
    multiplier, shift = constants.rescale(instruction)[which]
    return requant.by_int(LEVELS, np.asarray(multiplier, np.int64), np.asarray(shift, np.int64))


def quantize(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """float32: t = x / scale; nearest, ties to even; NaN gives 0; saturated."""
    scale = np.float32(output.scale)

    def run(xs: Sequence[Array], out: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            levels = np.rint(xs[0] / scale)
        levels = np.where(np.isnan(levels), np.float32(0), levels)
        requant.saturate(levels, out)
        return out

    return run


def narrow(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """int16 -> uint8 with zero point."""
    return by_table(np.clip(_level(instruction) + output.zero, 0, 255).astype(np.uint8))


def scale(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """int16 -> int16 at another scale."""
    return by_table(requant.to_int16(_level(instruction)))


def leaky(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """The first multiplier from 0 up, the second below."""
    return by_table(requant.to_int16(np.where(LEVELS >= 0, _level(instruction), _level(instruction, 1))))


def curve(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """Straight lines between 1025 knots, one every 64 levels, in 2^-8 of a level of the output."""
    knots = constants.tensor(instruction, "knots", "int32", (KNOTS,)).astype(np.int64)
    if np.abs(knots).max() >= 1 << 24:
        raise ModelError("a knot of a curve out of bounds")
    place, part = (LEVELS + 32768) >> 6, LEVELS & 63
    sums = knots[place] * (64 - part) + knots[place + 1] * part
    return by_table(requant.to_int16((sums + (1 << (CURVE_SHIFT - 1))) >> CURVE_SHIFT))


def clip(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """A straight line between two limits."""
    m, s, offset, low, high = constants.limits(instruction)
    return by_table(np.clip((LEVELS * m + offset) >> s, low, high).astype(np.int16))


def sqrt(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """The square root; that of a negative number is 0."""
    ((m, s),) = constants.rescale(instruction)
    return by_table(requant.to_int16(pairs.root(LEVELS, m, s)))


def constant(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """Levels stored in the program."""
    data = constants.tensor(instruction, "data", "int16", output.shape)
    return lambda xs, out: data


KERNELS: dict[str, Callable[[Instruction, Sequence[Value], Value], Kernel]] = {
    "quantize": quantize,
    "narrow": narrow,
    "scale": scale,
    "leaky": leaky,
    "curve": curve,
    "clip": clip,
    "sqrt": sqrt,
    "constant": constant,
    "add": pairs.add,
    "mul": pairs.mul,
    "max": pairs.larger,
    "divide": pairs.divide,
    "sum": pairs.total,
    "pad": moves.pad,
    "reshape": moves.reshape,
    "transpose": moves.transpose,
    "take": moves.take,
    "concat": moves.concat,
    "slice": moves.cut,
    "maxpool": convolution.maxpool,
    "conv8": convolution.conv,
    "conv16": convolution.conv,
    "linear": dense.linear,
    "matmul": dense.matmul,
    "softmax": dense.softmax,
    "layernorm": dense.layernorm,
}


def prepare(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """The kernel of `instruction`; raises ModelError for constants out of bounds."""
    return KERNELS[instruction.op](instruction, inputs, output)
