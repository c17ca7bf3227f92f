"""Fused forms of what mobile networks do beside their convolutions: hard swish, and the mean of a plane."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from board_runner.contract import Array
from board_runner.plan.pattern import Match, Pattern


def hard_swish_chain(p: Pattern, position: int) -> Match | None:
    """HardSigmoid of x, alone read by its product with x: how opset 13 writes hard swish."""
    node = p.nodes[position]
    times = p.only_reader(position, "Mul") if node.op_type == "HardSigmoid" else None
    if times is None or p.other_input(times, node.outputs[0]) != node.inputs[0]:
        return None
    slope, middle = float(node.attributes.get("alpha", 0.2)), float(node.attributes.get("beta", 0.5))
    if not math.isclose(slope, 1 / 6, rel_tol=1e-6) or middle != 0.5:
        return None
    return p.match([position, times], node.inputs[:1], hard_swish)


def hard_swish(inputs: Sequence[Array | None]) -> Sequence[Array]:
    """x (max(-3, min(3, x)) + 3) / 6; numpy's clip takes a quarter of the time of its minimum and maximum."""
    x = inputs[0]
    assert x is not None
    kind = x.dtype.type
    y = np.clip(x, kind(-3), kind(3))
    y += kind(3)
    y *= kind(1 / 6)
    y *= x
    return (y,)


def plane_mean(p: Pattern, position: int) -> Match | None:
    """The mean over height and width of four axes, as one reduction along memory."""
    node = p.nodes[position]
    if node.op_type == "GlobalAveragePool":
        return p.match([position], node.inputs[:1], PlaneMean(keepdims=True))
    if node.op_type != "ReduceMean" or p.ints(node, 1, "axes") not in ([2, 3], [-2, -1]):
        return None
    return p.match([position], node.inputs[:1], PlaneMean(keepdims=bool(node.attributes.get("keepdims", 1))))


class PlaneMean:
    """x (N, C, H, W) -> (N, C, 1, 1) or (N, C); other ranks as numpy has them, over the axes from 2 on."""

    def __init__(self, *, keepdims: bool) -> None:
        self._keepdims = keepdims

    def __call__(self, inputs: Sequence[Array | None]) -> Sequence[Array]:
        x = inputs[0]
        assert x is not None
        n = x.dtype.type(math.prod(x.shape[2:]))
        if x.flags.c_contiguous:
            total = np.add.reduce(x.reshape(*x.shape[:2], -1), axis=-1)
        else:
            total = np.add.reduce(np.add.reduce(x, axis=-1), axis=-1)
        total /= n
        return (total.reshape(*total.shape, *[1] * (x.ndim - 2)) if self._keepdims else total,)
