"""Fused forms of what exporters write in several nodes: layer normalisation, GELU, sums."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from board_runner.contract import Array
from board_runner.ops.special import erf


class LayerNorm:
    """(x - mean) / sqrt(mean square deviation + epsilon) * scale + shift over the last axis."""

    def __init__(self, *, scale: Array, shift: Array, epsilon: float) -> None:
        self._scale, self._shift, self._epsilon = scale, shift, np.float32(epsilon)

    def __call__(self, inputs: Sequence[Array | None]) -> Sequence[Array]:
        x = inputs[0]
        assert x is not None
        n = np.float32(x.shape[-1])
        y = x - np.add.reduce(x, axis=-1, keepdims=True) / n
        variance = np.einsum("...i,...i->...", y, y)[..., None] / n
        y *= np.float32(1) / np.sqrt(variance + self._epsilon)
        y *= self._scale
        y += self._shift
        return (y,)


def gelu(inputs: Sequence[Array | None]) -> Sequence[Array]:
    """x (1 + erf(x / sqrt 2)) / 2."""
    x = inputs[0]
    assert x is not None
    y = erf(x * np.float32(np.sqrt(0.5)))
    y += np.float32(1)
    y *= x
    y *= np.float32(0.5)
    return (y,)


def total(inputs: Sequence[Array | None]) -> Sequence[Array]:
    """The sum of all inputs, in their order."""
    first, second, *rest = (value for value in inputs if value is not None)
    y = np.asarray(first + second)
    for value in rest:
        y = np.add(y, value, out=y) if np.broadcast_shapes(y.shape, value.shape) == y.shape else y + value
    return (y,)
