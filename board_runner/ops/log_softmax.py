"""LogSoftmax, which ends speech recognisers' graphs."""

from __future__ import annotations

import math

import numpy as np

from board_runner.contract import Array
from board_runner.ops.base import Call, Op


def log_softmax(call: Call) -> Array:
    """x - max - log(sum(exp(x - max))) along one axis; before opset 13 over all axes from `axis` on."""
    x = call[0]
    if call.opset >= 13:
        return _along(x, int(call.attr("axis", -1)))
    axis = int(call.attr("axis", 1)) % max(x.ndim, 1)
    return _along(x.reshape(math.prod(x.shape[:axis]), -1), 1).reshape(x.shape)


def _along(x: Array, axis: int) -> Array:
    y = x - x.max(axis=axis, keepdims=True)
    return np.asarray(y - np.log(np.exp(y).sum(axis=axis, keepdims=True)))


OPS: dict[str, Op] = {"LogSoftmax": log_softmax}
