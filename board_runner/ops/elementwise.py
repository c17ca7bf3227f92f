"""Arithmetic, comparison and activation, element by element with numpy's broadcasting."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.ops.base import Call, Op
from board_runner.ops.special import erf


def _unary(function: Callable[..., Any]) -> Op:
    def op(call: Call) -> Array:
        x = call[0]
        return np.asarray(function(x)).astype(x.dtype, copy=False)

    return op


def _binary(function: Callable[..., Any]) -> Op:
    return lambda call: np.asarray(function(call[0], call[1]))


def _variadic(function: Callable[..., Any]) -> Op:
    return lambda call: np.asarray(reduce(function, (call[i] for i in range(len(call.inputs)))))


def div(call: Call) -> Array:
    """Division; whole numbers truncate towards zero, as ONNX inherits from C."""
    a, b = call[0], call[1]
    if a.dtype.kind not in "iu":
        return np.asarray(a / b)
    quotient = np.abs(a) // np.abs(b)
    return np.asarray(np.where((a < 0) != (b < 0), -quotient, quotient)).astype(a.dtype)


def power(call: Call) -> Array:
    """`x ** y` in the type of x. A square or a root goes by the exact operation, not by pow."""
    x, y = call[0], call[1]
    if y.size == 1 and y.ndim <= x.ndim and x.dtype.kind == "f":
        if y.item() == 2.0:
            return np.asarray(x * x)
        if y.item() == 0.5:
            return np.asarray(np.sqrt(x))
    return np.asarray(np.power(x, y)).astype(x.dtype, copy=False)


def leaky_relu(call: Call) -> Array:
    """x where x >= 0, alpha x elsewhere."""
    x = call[0]
    return np.asarray(np.where(x >= 0, x, x * x.dtype.type(call.attr("alpha", 0.01))))


def _sigmoid(x: Array) -> Array:
    # tanh saturates where exp would overflow: no warning, no special case.
    half = x.dtype.type(0.5)
    return np.asarray(half * np.tanh(half * x) + half)


def gelu(call: Call) -> Array:
    """Exact x * Phi(x), or the tanh form of Hendrycks and Gimpel (arXiv 1606.08415)."""
    x = call[0]
    kind = x.dtype.type
    if call.attr("approximate", "none") == "tanh":
        inner = kind(np.sqrt(2.0 / np.pi)) * (x + kind(0.044715) * x * x * x)
        return np.asarray(kind(0.5) * x * (kind(1) + np.tanh(inner)))
    return np.asarray(kind(0.5) * x * (kind(1) + erf(x * kind(np.sqrt(0.5)))))


def hard_sigmoid(call: Call) -> Array:
    """max(0, min(1, alpha x + beta))."""
    x = call[0]
    alpha, beta = x.dtype.type(call.attr("alpha", 0.2)), x.dtype.type(call.attr("beta", 0.5))
    return np.asarray(np.clip(alpha * x + beta, x.dtype.type(0), x.dtype.type(1)))


def hard_swish(call: Call) -> Array:
    """x * max(0, min(1, x / 6 + 1/2))."""
    x = call[0]
    kind = x.dtype.type
    return np.asarray(x * np.clip(x * kind(1 / 6) + kind(0.5), kind(0), kind(1)))


def clip(call: Call) -> Array:
    """Limits as inputs (opset 11 on) or attributes; the upper one wins where they cross."""
    x = np.asarray(call[0])
    low, high = call.optional(1), call.optional(2)
    if low is None and "min" in call.attributes:
        low = np.asarray(call.attr("min"), x.dtype)
    if high is None and "max" in call.attributes:
        high = np.asarray(call.attr("max"), x.dtype)
    if low is not None:
        x = np.asarray(np.maximum(x, low))
    return x if high is None else np.asarray(np.minimum(x, high))


DTYPES: dict[int, type[np.generic]] = {
    1: np.float32,
    2: np.uint8,
    3: np.int8,
    4: np.uint16,
    5: np.int16,
    6: np.int32,
    7: np.int64,
    9: np.bool_,
    10: np.float16,
    11: np.float64,
    12: np.uint32,
    13: np.uint64,
}
"""Element types by their number in `onnx.TensorProto.DataType`, those numpy has."""


def cast(call: Call) -> Array:
    """Change the element type; out-of-range values are as undefined as in the standard, but silent."""
    number = int(call.attr("to"))
    if number not in DTYPES:
        raise ModelError(f"Cast to element type {number}, which the runner lacks")
    with np.errstate(invalid="ignore", over="ignore"):
        return call[0].astype(DTYPES[number])


def _relu(x: Array) -> Array:
    return np.asarray(np.maximum(x, x.dtype.type(0)))


OPS: dict[str, Op] = {
    "Add": _binary(np.add),
    "Sub": _binary(np.subtract),
    "Mul": _binary(np.multiply),
    "Div": div,
    "Pow": power,
    "Max": _variadic(np.maximum),
    "Min": _variadic(np.minimum),
    "Equal": _binary(np.equal),
    "Greater": _binary(np.greater),
    "Less": _binary(np.less),
    "Not": lambda call: np.asarray(np.logical_not(call[0])),
    "Where": lambda call: np.asarray(np.where(call[0], call[1], call[2])),
    "Abs": _unary(np.abs),
    "Neg": _unary(np.negative),
    "Exp": _unary(np.exp),
    "Log": _unary(np.log),
    "Sqrt": _unary(np.sqrt),
    "Reciprocal": _unary(lambda x: x.dtype.type(1) / x),
    "Erf": _unary(erf),
    "Tanh": _unary(np.tanh),
    "Sigmoid": _unary(_sigmoid),
    "Relu": _unary(_relu),
    "LeakyRelu": leaky_relu,
    "Gelu": gelu,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "Clip": clip,
    "Cast": cast,
    "Identity": lambda call: call[0],
}
