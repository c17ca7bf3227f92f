"""The shape and type that every instruction gives; the writer's plan and the reader's check."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from board_runner.errors import ModelError
from board_runner.integer.opset import OPS
from board_runner.integer.program import Instruction, Program, Value
from board_runner.integer.records import MAX_RANK

Shape = tuple[int, ...]
MAX_ELEMENTS = 1 << 28
MAX_WINDOW = 4096
PADDING_FLOOR = 1 << 16
"""A convolution may pad to four times its input, or by this many elements: its copy stays within bounds."""


def windows(x: Shape, kernel: Shape, ints: Mapping[str, Shape]) -> Shape:
    """How many windows of `kernel` fit on each axis of (1, C, L) or (1, C, H, W) with its pads."""
    names = ("stride", "dilation", "begins", "ends")
    need(
        len(kernel) in (1, 2) and len(x) == 2 + len(kernel) and x[0] == 1, "one clip in one or two dimensions"
    )
    need(all(len(ints[name]) == len(kernel) for name in names), "integers for every axis of the window")
    stride, dilation, begins, ends = (ints[name] for name in names)
    need(min(*stride, *dilation, *kernel) > 0 and min(*begins, *ends) >= 0, "positive strides")
    padded = [size + begin + end for size, begin, end in zip(x[2:], begins, ends, strict=True)]
    need(
        x[1] * math.prod(padded) - math.prod(x) <= 3 * math.prod(x) + PADDING_FLOOR, "padding of a sane size"
    )
    rooms = [size - d * (k - 1) - 1 for size, d, k in zip(padded, dilation, kernel, strict=True)]
    need(min(rooms) >= 0, "a window no longer than the input")
    return tuple(room // step + 1 for room, step in zip(rooms, stride, strict=True))


def conv(x: Shape, weight: Shape, ints: Mapping[str, Shape]) -> Shape:
    """(1, C, L) with (M, C / group, K) -> (1, M, L'); planes the same with an axis more."""
    (group,) = ints["group"]
    out = windows(x, weight[2:], ints)
    need(group > 0 and x[1] == weight[1] * group and weight[0] % group == 0, "matching channels")
    return (1, weight[0], *out)


def maxpool(x: Shape, ints: Mapping[str, Shape]) -> Shape:
    """Every channel on its own."""
    need(math.prod(ints["kernel"]) <= MAX_WINDOW, f"a window of at most {MAX_WINDOW} elements")
    return (*x[:2], *windows(x, ints["kernel"], ints))


def total(x: Shape, ints: Mapping[str, Shape]) -> Shape:
    """1 for every axis that is added up."""
    flags = ints["flags"]
    need(len(flags) == len(x) and set(flags) <= {0, 1}, "a flag for every axis")
    return tuple(1 if flag else size for flag, size in zip(flags, x, strict=True))


def cut(x: Shape, ints: Mapping[str, Shape]) -> Shape:
    """From begin on, every so many elements, below end."""
    begins, ends, steps = ints["begins"], ints["ends"], ints["steps"]
    need(len(begins) == len(ends) == len(steps) == len(x), "begins, ends and steps for every axis")
    for size, begin, end, step in zip(x, begins, ends, steps, strict=True):
        need(0 <= begin <= end <= size and step > 0, "a slice inside the axis")
    return tuple(-(-(e - b) // s) for b, e, s in zip(begins, ends, steps, strict=True))


def pad(x: Shape, ints: Mapping[str, Shape]) -> Shape:
    """Reflecting (mode 1) or zero (mode 0) padding."""
    begins, ends, (mode,) = ints["begins"], ints["ends"], ints["mode"]
    need(len(begins) == len(ends) == len(x) and mode in (0, 1), "pads for every axis")
    for size, begin, end in zip(x, begins, ends, strict=True):
        need(
            0 <= min(begin, end) and max(begin, end) < (size if mode == 1 else MAX_ELEMENTS), "pads in reach"
        )
    return tuple(s + b + e for s, b, e in zip(x, begins, ends, strict=True))


def transpose(x: Shape, ints: Mapping[str, Shape]) -> Shape:
    """A permutation of all axes."""
    perm = ints["perm"]
    need(sorted(perm) == list(range(len(x))), "a permutation")
    return tuple(x[axis] for axis in perm)


def take(x: Shape, ints: Mapping[str, Shape]) -> Shape:
    """One slice of one axis, which disappears."""
    (axis,), (index,) = ints["axis"], ints["index"]
    need(0 <= axis < len(x) and 0 <= index < x[axis], "an index inside the axis")
    return x[:axis] + x[axis + 1 :]


def concat(xs: Sequence[Shape], ints: Mapping[str, Shape]) -> Shape:
    """Joined along one axis, equal on the others."""
    (axis,), first = ints["axis"], xs[0]
    need(0 <= axis < len(first), "an axis of the input")
    rests = {(*x[:axis], 0, *x[axis + 1 :]) for x in xs if len(x) == len(first)}
    need(len(rests) == 1 and all(len(x) == len(first) for x in xs), "equal other axes")
    return (*first[:axis], sum(x[axis] for x in xs), *first[axis + 1 :])


def broadcast(a: Shape, b: Shape) -> Shape:
    """numpy's rule."""
    wide = max(len(a), len(b))
    left, right = (1,) * (wide - len(a)) + a, (1,) * (wide - len(b)) + b
    need(all(m == n or 1 in (m, n) for m, n in zip(left, right, strict=True)), "shapes that broadcast")
    return tuple(n if m == 1 else m for m, n in zip(left, right, strict=True))


def matmul(a: Shape, b: Shape) -> Shape:
    """(..., M, K) by (..., K, N)."""
    need(len(a) >= 2 and len(b) >= 2 and a[-1] == b[-2], "matching inner sizes")
    return (*broadcast(a[:-2], b[:-2]), a[-2], b[-1])


def linear(x: Shape, weight: Shape) -> Shape:
    """(..., K) by (K, N)."""
    need(len(x) >= 1 and len(weight) == 2 and x[-1] == weight[0], "matching inner sizes")
    return (*x[:-1], weight[1])


def reshape(x: Shape, ints: Mapping[str, Shape]) -> Shape:
    """The same number of elements."""
    shape = ints["shape"]
    need(min(shape, default=1) >= 0 and math.prod(shape) == math.prod(x), "as many elements as before")
    return shape


def _same(instruction: Instruction, xs: Sequence[Shape]) -> Shape:
    return xs[0]


_RULES: Mapping[str, Callable[[Instruction, Sequence[Shape]], Shape]] = {
    "conv8": lambda i, xs: conv(xs[0], i.tensors["weight"].shape, i.ints),
    "conv16": lambda i, xs: conv(xs[0], i.tensors["weight"].shape, i.ints),
    "linear": lambda i, xs: linear(xs[0], i.tensors["weight"].shape),
    "matmul": lambda i, xs: matmul(xs[0], xs[1]),
    **dict.fromkeys(("add", "mul", "max", "divide"), lambda i, xs: broadcast(xs[0], xs[1])),
    "sum": lambda i, xs: total(xs[0], i.ints),
    "slice": lambda i, xs: cut(xs[0], i.ints),
    "maxpool": lambda i, xs: maxpool(xs[0], i.ints),
    "constant": lambda i, xs: i.tensors["data"].shape,
    "pad": lambda i, xs: pad(xs[0], i.ints),
    "reshape": lambda i, xs: reshape(xs[0], i.ints),
    "transpose": lambda i, xs: transpose(xs[0], i.ints),
    "take": lambda i, xs: take(xs[0], i.ints),
    "concat": lambda i, xs: concat(xs, i.ints),
}
"""Instructions whose output has another shape than their input."""


def infer(instruction: Instruction, inputs: Sequence[Value]) -> Shape:
    """Output shape; raises ModelError for a wrong count, type, shape or constant."""
    op = OPS.get(instruction.op)
    if op is None:
        raise ModelError(f"instruction {instruction.op!r}, which the runner lacks")
    need(op.arity in (None, len(inputs)) and (op.arity == 0 or inputs), f"inputs for {instruction.op}")
    need(all(value.dtype == op.source for value in inputs), f"{op.source} inputs for {instruction.op}")
    shapes = [value.shape for value in inputs]
    try:
        shape = _RULES[instruction.op](instruction, shapes) if instruction.op in _RULES else shapes[0]
    except (KeyError, ValueError, TypeError) as e:
        raise ModelError(f"instruction {instruction.op!r} lacks a constant: {e}") from e
    need(len(shape) <= MAX_RANK and math.prod(shape) <= MAX_ELEMENTS, "a tensor of a sane size")
    return shape


def check(program: Program) -> None:
    """Raise ModelError unless every instruction gives the type and shape that its output has."""
    for number, step in enumerate(program.instructions):
        output = program.values[step.output]
        try:
            shape = infer(step, [program.values[value] for value in step.inputs])
            need(shape == output.shape, f"{list(shape)} as its output, not {list(output.shape)}")
            need(output.dtype == OPS[step.op].result, f"{OPS[step.op].result} as its output")
        except ModelError as e:
            raise ModelError(f"instruction {number} ({step.name or step.op}): {e}", hint=e.hint) from e
    if any(program.values[value].dtype != "int16" for _, value in program.outputs):
        raise ModelError("an output that is not int16")


def need(condition: object, what: str) -> None:
    """Raise ModelError unless `condition`."""
    if not condition:
        raise ModelError(f"needs {what}")
