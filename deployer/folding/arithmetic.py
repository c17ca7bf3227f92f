"""The arithmetic of folding, on arrays alone, in float64.

At inference a batch normalisation is y = factor x + offset for each channel, with
factor = scale / sqrt(variance + epsilon) and offset = shift - factor mean (Ioffe and Szegedy, arXiv 1502.03167).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError


class Layout(Enum):
    """Where a weight has its output and its input channels."""

    OUT_FIRST = "out, in / groups, ..."  # ONNX and PyTorch: Conv, Gemm with transB, Linear
    IN_FIRST = "in, out / groups, ..."  # ONNX and PyTorch: ConvTranspose, Gemm, MatMul
    LAST = "..., in, out"  # TensorFlow: Conv2D, MatMul
    LAST_TRANSPOSED = "..., out, in"  # TensorFlow: Conv2DBackpropInput
    DEPTHWISE_LAST = "..., channels, multiplier"  # TensorFlow: DepthwiseConv2dNative


@dataclass(frozen=True, kw_only=True)
class Norm:
    """A batch normalisation's constants, each (channels,), and its epsilon."""

    scale: Array
    shift: Array
    mean: Array
    variance: Array
    epsilon: float

    def affine(self) -> tuple[Array, Array]:
        """`factor` and `offset`, float64; raises ModelError where they are not finite."""
        spread = self.variance.astype(np.float64) + self.epsilon
        if not (spread > 0).all():
            raise ModelError("its variance plus epsilon is not above 0 in every channel")
        factor = self.scale.astype(np.float64) / np.sqrt(spread)
        offset = self.shift.astype(np.float64) - factor * self.mean.astype(np.float64)
        if not (np.isfinite(factor).all() and np.isfinite(offset).all()):
            raise ModelError("its constants are not finite")
        return factor, offset


def out_channels(weight: Array, layout: Layout, groups: int = 1) -> int:
    """How many output channels a weight has."""
    shape = weight.shape
    counts: dict[Layout, int] = {
        Layout.OUT_FIRST: shape[0],
        Layout.IN_FIRST: shape[1] * groups,
        Layout.LAST: shape[-1],
        Layout.LAST_TRANSPOSED: shape[-2],
        Layout.DEPTHWISE_LAST: shape[-1] * shape[-2],
    }
    return counts[layout]


def fold_after(
    weight: Array, bias: Array | None, norm: Norm, layout: Layout, groups: int = 1
) -> tuple[Array, Array]:
    """The layer with the normalisation that follows it: weight of the same shape, bias (out channels,).

    weight' = factor weight for each output channel, bias' = factor bias + offset. Raises ModelError for other
    channel counts or a result that is not finite in the weight's type.
    """
    factor, offset = norm.affine()
    count = out_channels(weight, layout, groups)
    if factor.size != count:
        raise ModelError(f"it has {factor.size} channels, the layer before it {count}")
    scaled = _by_output(weight.astype(np.float64), factor, layout, groups)
    moved = offset if bias is None else factor * np.broadcast_to(bias.reshape(-1), (count,)) + offset
    return _cast(scaled, weight), _cast(moved, weight)


def fold_before(
    weight: Array, bias: Array | None, norm: Norm, layout: Layout, groups: int = 1
) -> tuple[Array, Array]:
    """The layer with the normalisation that stands before it; exact where the layer does not pad.

    weight' = weight factor for each input channel, bias' = bias + the sum of weight times offset.
    Only for OUT_FIRST weights, and for IN_FIRST ones of two axes. Raises ModelError as `fold_after`.
    """
    factor, offset = norm.affine()
    w = weight.astype(np.float64)
    w = w.T if layout is Layout.IN_FIRST else w
    count, inside = w.shape[:2]
    if factor.size != inside * groups:
        raise ModelError(f"it has {factor.size} channels, the layer after it reads {inside * groups}")
    split = w.reshape(groups, count // groups, inside, math.prod(w.shape[2:]))
    scaled = split * factor.reshape(groups, 1, inside, 1)
    added = np.einsum("goit,gi->go", split, offset.reshape(groups, inside)).reshape(-1)
    if bias is not None:
        added = added + np.broadcast_to(bias.reshape(-1), (count,))
    scaled = scaled.reshape(w.shape)
    return _cast(scaled.T if layout is Layout.IN_FIRST else scaled, weight), _cast(added, weight)


def _by_output(w: Array, factor: Array, layout: Layout, groups: int) -> Array:
    if layout is Layout.OUT_FIRST:
        return np.asarray(w * factor.reshape(-1, *[1] * (w.ndim - 1)))
    if layout is Layout.IN_FIRST:
        split = w.reshape(groups, w.shape[0] // groups, w.shape[1], math.prod(w.shape[2:]))
        return np.asarray(split * factor.reshape(groups, 1, w.shape[1], 1)).reshape(w.shape)
    if layout is Layout.LAST_TRANSPOSED:
        return np.asarray(w * factor[:, None])
    if layout is Layout.DEPTHWISE_LAST:
        return np.asarray(w * factor.reshape(w.shape[-2:]))
    return np.asarray(w * factor)


def _cast(value: Array, like: Array) -> Array:
    with np.errstate(over="ignore"):
        cast = np.ascontiguousarray(value, like.dtype)
    if not np.isfinite(cast).all():
        raise ModelError(f"the folded values do not fit into {like.dtype}")
    return cast
