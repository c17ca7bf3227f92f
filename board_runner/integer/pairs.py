"""Two values, or the elements of one, put together: sums, products, quotients, maxima."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from board_runner.contract import Array
from board_runner.integer import constants, requant
from board_runner.integer.dense import isqrt
from board_runner.integer.program import Instruction, Kernel, Value


def add(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """a * M0 + b * M1, one shift."""
    m, n, s = constants.sum_constants(instruction)
    half, unit = 0.5 * 2.0**s, 2.0**-s

    def run(xs: Sequence[Array], out: Array) -> Array:
        total = np.multiply(xs[0], float(m), dtype=np.float64)
        total = total + np.multiply(xs[1], float(n), dtype=np.float64)
        total += half
        total *= unit
        requant.saturate(np.floor(total, out=total), out)
        return out

    return run


def mul(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """a * b, both up to 2^15."""
    finish = _finisher(*constants.rescale(instruction)[0], reach=1 << 30)

    def run(xs: Sequence[Array], out: Array) -> Array:
        finish(np.multiply(xs[0], xs[1], dtype=np.int32), out)  # at most 2^30
        return out

    return run


def total(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """The sum over the flagged axes."""
    multiplier, shift, axes = constants.total(instruction, inputs[0].shape)
    count = int(np.prod([inputs[0].shape[axis] for axis in axes], dtype=np.int64))
    finish = _finisher(multiplier, shift, reach=count << 15)

    def run(xs: Sequence[Array], out: Array) -> Array:
        finish(xs[0].sum(axis=axes, dtype=np.int64, keepdims=True), out)
        return out

    return run


def larger(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """The larger of two at one scale."""
    return lambda xs, out: np.asarray(np.maximum(xs[0], xs[1], out=out))


def divide(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """a / b to the nearest level, ties up; 0 divides as 1 does."""
    multiplier, shift = constants.quotient(instruction)

    def run(xs: Sequence[Array], out: Array) -> Array:
        a, b = (x.astype(np.int64) for x in xs)
        divisor = np.maximum(np.abs(b), 1)
        product = np.where(b < 0, -a, a) * multiplier
        requant.saturate((2 * product + (divisor << shift)) // (divisor << (shift + 1)), out)
        return out

    return run


def root(levels: Array, multiplier: int, shift: int) -> Array:
    """(floor(sqrt((max(x, 0) * M) >> s)) + 1) >> 1 of int64 levels."""
    return np.asarray((isqrt((np.maximum(levels, 0) * multiplier) >> shift) + 1) >> 1)


def _finisher(multiplier: int, shift: int, *, reach: int) -> requant.Finish:
    """How accumulators up to `reach` become int16: R(a; M, s)."""
    m, s, half = (np.asarray(number, np.int64) for number in (multiplier, shift, 1 << (shift - 1)))
    return requant.finisher(m, s, half, reach=reach)
