"""Pooling over windows and over whole axes."""

from __future__ import annotations

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.ops.base import Call, Op
from board_runner.ops.windows import pad_spatial, per_axis, resolve_pads, windows


def _pool_windows(call: Call, fill: float) -> tuple[Array, Array]:
    """Windows of x, and of a mask that is 1 on the input, 0 on pads and NaN-free beyond the ceil."""
    x = call[0]
    kernel = [int(k) for k in call.attr("kernel_shape")]
    rank = len(kernel)
    strides, dilations = per_axis(call, "strides", rank), per_axis(call, "dilations", rank)
    pads = resolve_pads(call, x.shape[2:], kernel, strides, dilations)
    counted = np.ones((1, 1, *x.shape[2:]), x.dtype)
    counted = pad_spatial(counted, pads, 1.0 if call.attr("count_include_pad", 0) else 0.0)
    x = pad_spatial(x, pads, fill)
    extra = [0] * (2 * rank)
    if call.attr("ceil_mode", 0):
        for axis, (k, s, d) in enumerate(zip(kernel, strides, dilations, strict=True)):
            room = x.shape[2 + axis] - d * (k - 1) - 1
            n_out = -(-room // s) + 1
            # A window must begin on the input or its left pad, never wholly beyond.
            if (n_out - 1) * s >= call[0].shape[2 + axis] + pads[axis]:
                n_out -= 1
            extra[rank + axis] = max((n_out - 1) * s - room, 0)
    x, counted = pad_spatial(x, extra, fill), pad_spatial(counted, extra, 0.0)
    return windows(x, kernel, strides, dilations), windows(counted, kernel, strides, dilations)


def average_pool(call: Call) -> Array:
    """Mean of each window, over the elements that count."""
    x, counted = _pool_windows(call, 0.0)
    axes = tuple(range(x.ndim - (call[0].ndim - 2), x.ndim))
    return np.asarray(x.sum(axis=axes) / counted.sum(axis=axes))


def max_pool(call: Call) -> Array:
    """Largest element of each window; the second output (indices) is refused."""
    if call.n_outputs > 1:
        raise ModelError("MaxPool with its Indices output, which the runner lacks")
    x = call[0]
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    view, _ = _pool_windows(call, lowest)
    return np.asarray(view.max(axis=tuple(range(view.ndim - (x.ndim - 2), view.ndim))))


def global_average_pool(call: Call) -> Array:
    """Mean over all spatial axes, kept with size 1."""
    x = call[0]
    return np.asarray(x.mean(axis=tuple(range(2, x.ndim)), keepdims=True))


OPS: dict[str, Op] = {
    "AveragePool": average_pool,
    "MaxPool": max_pool,
    "GlobalAveragePool": global_average_pool,
}
