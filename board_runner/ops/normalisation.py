"""Softmax and the normalisations, at inference."""

from __future__ import annotations

import math

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.ops.base import Call, Op


def softmax(call: Call) -> Array:
    """exp(x - max) / sum along one axis; before opset 13 over all axes from `axis` on."""
    x = call[0]
    if call.opset >= 13:
        axis = int(call.attr("axis", -1))
        return _softmax(x, axis)
    axis = int(call.attr("axis", 1)) % max(x.ndim, 1)
    flat = x.reshape(math.prod(x.shape[:axis]), -1)
    return _softmax(flat, 1).reshape(x.shape)


def _softmax(x: Array, axis: int) -> Array:
    y = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(y / y.sum(axis=axis, keepdims=True))


def layer_normalization(call: Call) -> Array | tuple[Array, ...]:
    """(x - mean) / sqrt(var + epsilon) * scale + bias over the axes from `axis` on."""
    x, scale, bias = call[0], call[1], call.optional(2)
    axes = tuple(range(int(call.attr("axis", -1)) % x.ndim, x.ndim))
    mean = x.mean(axis=axes, keepdims=True)
    centred = x - mean
    variance = np.square(centred).mean(axis=axes, keepdims=True)
    inverse = x.dtype.type(1) / np.sqrt(variance + x.dtype.type(call.attr("epsilon", 1e-5)))
    y = centred * inverse * scale
    if bias is not None:
        y = y + bias
    return (y, mean, inverse)[: call.n_outputs] if call.n_outputs > 1 else y


def batch_normalization(call: Call) -> Array:
    """y = (x - mean) * scale / sqrt(var + epsilon) + bias, with the statistics stored in the graph."""
    if call.attr("training_mode", 0):
        raise ModelError("BatchNormalization in training mode", hint="export the model in eval mode")
    x = call[0]
    broadcast = (-1, *[1] * (x.ndim - 2))
    scale, bias, mean, variance = (call[i].reshape(broadcast) for i in range(1, 5))
    factor = scale / np.sqrt(variance + variance.dtype.type(call.attr("epsilon", 1e-5)))
    return np.asarray((x - mean) * factor + bias).astype(x.dtype, copy=False)


OPS: dict[str, Op] = {
    "Softmax": softmax,
    "LayerNormalization": layer_normalization,
    "BatchNormalization": batch_normalization,
}
