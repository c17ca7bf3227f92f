"""Conv in any number of spatial axes: grouped, depthwise, dilated, strided."""

from __future__ import annotations

import math

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.ops.base import Call, Op
from board_runner.ops.windows import pad_spatial, per_axis, resolve_pads, windows


def conv(call: Call) -> Array:
    """x (batch, C, *size), w (M, C / group, *kernel), bias (M) -> (batch, M, *out): im2col, one matmul."""
    x, w, bias = call[0], call[1], call.optional(2)
    kernel = w.shape[2:]
    rank = len(kernel)
    strides, dilations = per_axis(call, "strides", rank), per_axis(call, "dilations", rank)
    groups = int(call.attr("group", 1))
    if x.ndim != w.ndim or x.shape[1] != w.shape[1] * groups:
        raise ModelError(f"Conv of {list(x.shape)} with weights {list(w.shape)} in {groups} groups")
    x = pad_spatial(x, resolve_pads(call, x.shape[2:], kernel, strides, dilations))
    view = windows(x, kernel, strides, dilations)
    batch, channels, out = view.shape[0], view.shape[1], view.shape[2 : 2 + rank]
    taps_first = (0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank))
    columns = view.transpose(taps_first).reshape(
        batch, groups, channels // groups * math.prod(kernel), math.prod(out)
    )
    y = w.reshape(groups, w.shape[0] // groups, -1) @ columns
    y = y.reshape(batch, w.shape[0], *out)
    if bias is not None:
        y += bias.reshape(-1, *[1] * rank)
    return np.asarray(y)


OPS: dict[str, Op] = {"Conv": conv}
