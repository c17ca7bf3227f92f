"""One kernel an instruction: `prepare` checks its constants and gives the function that runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.integer import convolution, dense, requant, shapes
from board_runner.integer.program import Instruction, Value

Kernel = Callable[[Sequence[Array]], Array]
LEVELS = np.arange(-32768, 32768, dtype=np.int64)


def integer(instruction: Instruction, name: str, low: int, high: int, *, count: int = 1) -> tuple[int, ...]:
    """Constant `name`: `count` integers from `low` to `high`; raises ModelError."""
    values = instruction.ints.get(name, ())
    if len(values) != count or not all(low <= value <= high for value in values):
        raise ModelError(f"instruction {instruction.op!r} wants {name} within {low}..{high}")
    return values


def rescale(instruction: Instruction, *, count: int = 1) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The constants `multiplier` and `shift` of an element-wise instruction."""
    multipliers = integer(instruction, "multiplier", 0, (1 << 31) - 1, count=count)
    return multipliers, integer(instruction, "shift", 1, requant.MAX_SHIFT, count=count)


def _level(x: Array, multiplier: int, shift: int) -> Array:
    return requant.by_int(x, np.asarray(multiplier, np.int64), np.asarray(shift, np.int64))


def by_table(table: Array) -> Kernel:
    """Look each int16 up in 65536 entries, the first for -32768."""
    rolled = np.roll(table, -32768)  # index by the bits of the level, read as uint16

    def run(xs: Sequence[Array]) -> Array:
        return np.take(rolled, np.ascontiguousarray(xs[0]).view(np.uint16), mode="wrap")

    return run


def quantize(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """float32: t = x / scale; nearest, ties to even; NaN gives 0; saturated."""
    scale = np.float32(output.scale)

    def run(xs: Sequence[Array]) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            levels = np.rint(xs[0] / scale)
        levels = np.where(np.isnan(levels), np.float32(0), levels)
        return requant.to_int16(levels)

    return run


def narrow(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """int16 -> uint8 with zero point."""
    (m,), (s,) = rescale(instruction)
    return by_table(np.clip(_level(LEVELS, m, s) + output.zero, 0, 255).astype(np.uint8))


def scale(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """int16 -> int16 at another scale."""
    (m,), (s,) = rescale(instruction)
    return by_table(requant.to_int16(_level(LEVELS, m, s)))


def leaky(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """The first multiplier from 0 up, the second below."""
    (m, n), (s, t) = rescale(instruction, count=2)
    return by_table(requant.to_int16(np.where(LEVELS >= 0, _level(LEVELS, m, s), _level(LEVELS, n, t))))


def table(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """Any function of one int16, stored whole."""
    return by_table(shapes.tensor(instruction, "table", "int16", (65536,)))


def add(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """a * M0 + b * M1, one shift."""
    m, n = integer(instruction, "multiplier", 0, (1 << 31) - 1, count=2)
    (s,) = integer(instruction, "shift", 1, requant.MAX_SHIFT)
    if 32768 * (m + n) + (1 << (s - 1)) >= requant.FLOAT_LIMIT:
        raise ModelError("an addition whose sums pass 2^53")
    half, unit = 0.5 * 2.0**s, 2.0**-s

    def run(xs: Sequence[Array]) -> Array:
        total = xs[0].astype(np.float64) * float(m) + xs[1].astype(np.float64) * float(n)
        total += half
        total *= unit
        return requant.to_int16(np.floor(total, out=total))

    return run


def constant(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """Levels stored in the program."""
    data = shapes.tensor(instruction, "data", "int16", output.shape)
    return lambda xs: data


def pad(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """Mode 1 reflects without repeating the border, mode 0 fills with 0."""
    widths = list(zip(instruction.ints["begins"], instruction.ints["ends"], strict=True))
    if instruction.ints["mode"] == (0,):
        return lambda xs: np.pad(xs[0], widths)
    return lambda xs: np.pad(xs[0], widths, mode="reflect")


def reshape(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """Elements in the same order, row by row."""
    return lambda xs: xs[0].reshape(output.shape)


def transpose(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """Axes in the order `perm`."""
    return lambda xs: xs[0].transpose(instruction.ints["perm"])


def take(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """One slice."""
    (axis,), (index,) = instruction.ints["axis"], instruction.ints["index"]
    return lambda xs: np.take(xs[0], index, axis=axis)


def concat(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """One after the other."""
    (axis,) = instruction.ints["axis"]
    return lambda xs: np.concatenate(xs, axis=axis)


KERNELS: dict[str, Callable[[Instruction, Sequence[Value], Value], Kernel]] = {
    "quantize": quantize,
    "narrow": narrow,
    "scale": scale,
    "leaky": leaky,
    "table": table,
    "add": add,
    "constant": constant,
    "pad": pad,
    "reshape": reshape,
    "transpose": transpose,
    "take": take,
    "concat": concat,
    "conv8": convolution.conv,
    "conv16": convolution.conv,
    "linear": dense.linear,
    "matmul": dense.matmul,
    "softmax": dense.softmax,
    "layernorm": dense.layernorm,
}


def prepare(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """The kernel of `instruction`; raises ModelError for constants out of bounds."""
    if instruction.op not in KERNELS:
        raise ModelError(f"instruction {instruction.op!r}, which the runner lacks")
    try:
        return KERNELS[instruction.op](instruction, inputs, output)
    except KeyError as e:
        raise ModelError(f"instruction {instruction.op!r} lacks {e}") from e
