"""Conv in any number of spatial axes: grouped, depthwise, dilated, strided."""

from __future__ import annotations

import math
from collections.abc import Sequence

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


def conv_transpose(call: Call) -> Array:
    """x (batch, C, *size), w (C, M / group, *kernel), bias (M) -> (batch, M, *out): each input adds a kernel."""
    x, w, bias = call[0], call[1], call.optional(2)
    kernel, groups = w.shape[2:], int(call.attr("group", 1))
    rank = len(kernel)
    strides, dilations = per_axis(call, "strides", rank), per_axis(call, "dilations", rank)
    if x.ndim != w.ndim or x.shape[1] != w.shape[0]:
        raise ModelError(f"ConvTranspose of {list(x.shape)} with weights {list(w.shape)} in {groups} groups")
    batch, channels, *size = x.shape
    spans = [
        s * (n - 1) + d * (k - 1) + 1 for n, k, s, d in zip(size, kernel, strides, dilations, strict=True)
    ]
    begins, out = _transposed_frame(call, size, spans, strides)
    taps = w.reshape(groups, channels // groups, -1).transpose(0, 2, 1)
    added = (taps @ x.reshape(batch, groups, channels // groups, -1)).reshape(batch, -1, *kernel, *size)
    room = [max(s, b + o) for s, b, o in zip(spans, begins, out, strict=True)]
    full = np.zeros((batch, added.shape[1], *room), x.dtype)
    for tap in np.ndindex(*kernel):
        where = [
            slice(d * i, d * i + s * (n - 1) + 1, s)
            for i, d, s, n in zip(tap, dilations, strides, size, strict=True)
        ]
        full[:, :, *where] += added[:, :, *tap]
    y = full[:, :, *(slice(b, b + o) for b, o in zip(begins, out, strict=True))]
    return np.asarray(y if bias is None else y + bias.reshape(-1, *[1] * rank))


def _transposed_frame(
    call: Call, size: Sequence[int], spans: Sequence[int], strides: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Where the output begins in what all kernels cover, and its size: by `output_shape`, SAME or `pads`."""
    rank = len(size)
    extra = per_axis(call, "output_padding", rank, 0)
    mode, wanted = call.attr("auto_pad", "NOTSET"), call.attr("output_shape")
    if wanted is None and mode in ("NOTSET", "VALID"):
        pads = per_axis(call, "pads", 2 * rank, 0) if mode == "NOTSET" else [0] * (2 * rank)
        return pads[:rank], [
            s + e - pads[i] - pads[rank + i] for i, (s, e) in enumerate(zip(spans, extra, strict=True))
        ]
    out = [int(n) for n in wanted][-rank:] if wanted else [n * s for n, s in zip(size, strides, strict=True)]
    total = [max(s + e - o, 0) for s, e, o in zip(spans, extra, out, strict=True)]
    return [t // 2 if mode == "SAME_UPPER" else t - t // 2 for t in total], out


OPS: dict[str, Op] = {"Conv": conv, "ConvTranspose": conv_transpose}
