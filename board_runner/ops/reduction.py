"""Reductions over axes given as an attribute (older opsets) or an input (newer ones)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from board_runner.contract import Array
from board_runner.ops.base import Call, Op


def _reduction(function: Callable[..., Any]) -> Op:
    def op(call: Call) -> Array:
        x = call[0]
        axes = call.ints(1, "axes")
        if not axes and call.attr("noop_with_empty_axes", 0):
            return x
        keepdims = bool(call.attr("keepdims", 1))
        reduced = function(x, axis=tuple(axes) if axes else None, keepdims=keepdims)
        return np.asarray(reduced).astype(x.dtype, copy=False)

    return op


OPS: dict[str, Op] = {
    "ReduceMean": _reduction(np.mean),
    "ReduceSum": _reduction(np.sum),
    "ReduceMax": _reduction(np.max),
    "ReduceMin": _reduction(np.min),
}
