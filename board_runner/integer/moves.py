"""Instructions that move elements and change none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from board_runner.contract import Array
from board_runner.integer.program import Instruction, Kernel, Value


def pad(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """Mode 1 reflects without repeating the border, mode 0 fills with 0."""
    widths = list(zip(instruction.ints["begins"], instruction.ints["ends"], strict=True))
    inner = tuple(slice(begin, size - end) for (begin, end), size in zip(widths, output.shape, strict=True))
    (axis, (begin, end)), *more = [(i, w) for i, w in enumerate(widths) if any(w)] or [(0, (0, 0))]
    last = len(output.shape) - 1

    def run(xs: Sequence[Array], out: Array) -> Array:
        if more or axis != last:
            mode: str = "constant" if instruction.ints["mode"] == (0,) else "reflect"
            out[...] = np.pad(xs[0], widths, mode=mode)  # type: ignore[call-overload]  # one of two names
            return out
        out[inner] = xs[0]  # one axis, the last: no copy of the whole
        size = output.shape[-1]
        if instruction.ints["mode"] == (0,):
            out[..., :begin], out[..., size - end :] = 0, 0
        else:
            out[..., :begin] = out[..., 2 * begin : begin : -1]
            out[..., size - end :] = out[..., size - end - 2 : size - 2 * end - 2 : -1]
        return out

    return run


def reshape(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """Elements in the same order, row by row, where they are."""
    return lambda xs, out: xs[0].reshape(output.shape)


def transpose(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """Axes in the order `perm`."""

    def run(xs: Sequence[Array], out: Array) -> Array:
        out[...] = xs[0].transpose(instruction.ints["perm"])
        return out

    return run


def take(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """One slice."""
    (axis,), (index,) = instruction.ints["axis"], instruction.ints["index"]

    def run(xs: Sequence[Array], out: Array) -> Array:
        out[...] = np.take(xs[0], index, axis=axis)
        return out

    return run


def concat(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """One after the other."""
    (axis,) = instruction.ints["axis"]
    return lambda xs, out: np.concatenate(xs, axis=axis, out=out)


def cut(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """From begin on, every so many elements, below end."""
    ints = (instruction.ints[name] for name in ("begins", "ends", "steps"))
    places = tuple(slice(*three) for three in zip(*ints, strict=True))

    def run(xs: Sequence[Array], out: Array) -> Array:
        out[...] = xs[0][places]
        return out

    return run
