"""Operators that move elements or speak of shapes, and compute nothing."""

from __future__ import annotations

import math

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.ops.base import Call, Op


def reshape(call: Call) -> Array:
    """New shape from input 1: -1 is what is left over; 0 copies the old size unless `allowzero`."""
    x, shape = call[0], [int(v) for v in call[1]]
    if not call.attr("allowzero", 0):
        shape = [x.shape[i] if size == 0 else size for i, size in enumerate(shape)]
    return x.reshape(shape)


def transpose(call: Call) -> Array:
    """Axes in the order `perm`, else reversed."""
    return call[0].transpose(call.attr("perm"))


def flatten(call: Call) -> Array:
    """Two axes: those before `axis`, and the rest."""
    x, axis = call[0], int(call.attr("axis", 1))
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def squeeze(call: Call) -> Array:
    """Drop the named axes, or all of size 1."""
    axes = call.ints(1, "axes")
    return np.squeeze(call[0], axis=None if axes is None else tuple(axes))


def unsqueeze(call: Call) -> Array:
    """Insert axes of size 1; negative ones count in the result."""
    return np.expand_dims(call[0], tuple(call.ints(1, "axes") or ()))


def gather(call: Call) -> Array:
    """Slices of x along `axis`, in the order and shape of the indices."""
    return np.asarray(np.take(call[0], call[1], axis=int(call.attr("axis", 0))))


def concat(call: Call) -> Array:
    """Inputs one after the other along `axis`."""
    return np.concatenate([call[i] for i in range(len(call.inputs))], axis=int(call.attr("axis", 0)))


def slice_(call: Call) -> Array:
    """Python slices per axis; ends beyond the axis are clamped, as in the standard."""
    x = call[0]
    starts, ends = call.ints(1, "starts") or [], call.ints(2, "ends") or []
    axes = call.ints(3, "axes") or list(range(len(starts)))
    steps = call.ints(4, "steps") or [1] * len(starts)
    index: list[slice] = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        # Going backwards, an end before element 0 must not wrap around in Python's counting.
        stop = None if step < 0 and end < -x.shape[axis] else end
        index[axis] = slice(start, stop, step)
    return x[tuple(index)]


def split(call: Call) -> tuple[Array, ...]:
    """Parts of the sizes given, or of equal size (the last may be smaller)."""
    x, axis = call[0], int(call.attr("axis", 0))
    sizes = call.ints(1, "split")
    if sizes is None:
        each = -(-x.shape[axis] // call.n_outputs)
        sizes = [each] * (call.n_outputs - 1)
        sizes.append(x.shape[axis] - sum(sizes))
    if sum(sizes) != x.shape[axis] or len(sizes) != call.n_outputs:
        raise ModelError(f"Split of {x.shape[axis]} into {sizes}")
    return tuple(np.split(x, np.cumsum(sizes)[:-1], axis=axis))


def shape(call: Call) -> Array:
    """Sizes of x as int64, from `start` up to `end`."""
    sizes = call[0].shape[slice(call.attr("start", 0), call.attr("end"))]
    return np.asarray(sizes, np.int64)


def expand(call: Call) -> Array:
    """Broadcast both ways: the target may be smaller than x on an axis."""
    target = tuple(int(v) for v in call[1])
    return np.broadcast_to(call[0], np.broadcast_shapes(call[0].shape, target))


def constant(call: Call) -> Array:
    """The value that the attribute holds, in whichever of its forms."""
    if "value" in call.attributes:
        return np.asarray(call.attr("value"))
    for name, dtype in (("value_float", np.float32), ("value_int", np.int64)):
        for key in (name, f"{name}s"):
            if key in call.attributes:
                return np.asarray(call.attr(key), dtype)
    raise ModelError(f"Constant holding {sorted(call.attributes)}, which the runner lacks")


def constant_of_shape(call: Call) -> Array:
    """An array of that shape filled with the one value of attribute `value`, else with 0.0."""
    value = np.asarray(call.attr("value", np.zeros(1, np.float32)))
    return np.full([int(n) for n in call[0]], value.reshape(-1)[0], value.dtype)


def pad(call: Call) -> Array:
    """Constant, reflect, edge or wrap padding; negative amounts crop. Pads: all begins, then all ends."""
    x, amounts = call[0], call.ints(1, "pads")
    if amounts is None:
        raise ModelError("Pad without pads")
    axes = call.ints(3, "axes") or list(range(x.ndim))
    begins, ends = amounts[: len(axes)], amounts[len(axes) :]
    widths = [(0, 0)] * x.ndim
    crop = [slice(None)] * x.ndim
    for axis, begin, end in zip(axes, begins, ends, strict=True):
        widths[axis] = (max(begin, 0), max(end, 0))
        crop[axis] = slice(max(-begin, 0), x.shape[axis] - max(-end, 0))
    x, mode = x[tuple(crop)], call.attr("mode", "constant")
    if mode != "constant":
        return np.pad(x, widths, mode=mode)
    fill = call.optional(2)
    value = call.attr("value", 0.0) if fill is None else fill.reshape(()).item()
    return np.pad(x, widths, constant_values=value)


OPS: dict[str, Op] = {
    "Reshape": reshape,
    "Transpose": transpose,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Gather": gather,
    "Concat": concat,
    "Slice": slice_,
    "Split": split,
    "Shape": shape,
    "Expand": expand,
    "Constant": constant,
    "ConstantOfShape": constant_of_shape,
    "Pad": pad,
}
