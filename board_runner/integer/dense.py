"""Matrix products, softmax and layer normalisation in integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.integer import requant, shapes
from board_runner.integer.convolution import bounds, requantiser
from board_runner.integer.program import Instruction, Value

Kernel = Callable[[Sequence[Array]], Array]


def linear(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """(..., K) int16 by (K, N) int16 plus int64 bias -> (..., N) int16."""
    weight = instruction.tensors["weight"]
    shapes.tensor(instruction, "weight", "int16", weight.shape)
    bias = shapes.tensor(instruction, "bias", "int64", weight.shape[1:])
    _, bias, bound = bounds(weight.T, bias, narrow=False)
    finish = requantiser(instruction, bias, bound, (-1,))
    kernel = weight.astype(np.float64)
    return lambda xs: finish(np.asarray(xs[0].astype(np.float64) @ kernel))


def matmul(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """(..., M, K) int16 by (..., K, N) int16 -> (..., M, N) int16."""
    reach = inputs[0].shape[-1] << 30
    if reach >= requant.FLOAT_LIMIT:
        raise ModelError("a matrix product whose sums pass 2^53")
    finish = requantiser(instruction, np.zeros((), np.int64), reach, ())
    return lambda xs: finish(xs[0].astype(np.float64) @ xs[1].astype(np.float64))


def softmax(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """Last axis: d = max - x, e = (hi[d >> 8] * lo[d & 255] + 2^29) >> 30, (e * 2^15 + sum / 2) / sum."""
    high = shapes.tensor(instruction, "high", "int64", (256,))
    low = shapes.tensor(instruction, "low", "int64", (256,))
    for part in (high, low):
        if part.min() < 0 or part.max() > 1 << 30 or part[0] != 1 << 30:
            raise ModelError("a table of softmax out of bounds")
    if inputs[0].shape == () or not 0 < inputs[0].shape[-1] < 1 << 20:
        raise ModelError("softmax over an axis that is empty or longer than 2^20")

    def run(xs: Sequence[Array]) -> Array:
        x = xs[0].astype(np.int64)
        below = x.max(axis=-1, keepdims=True) - x
        powers = (high[below >> 8] * low[below & 255] + (1 << 29)) >> 30
        total = powers.sum(axis=-1, keepdims=True)
        levels = ((powers << 15) + (total >> 1)) // total
        return np.asarray(np.minimum(levels, 32767), np.int16)

    return run


def isqrt(v: Array) -> Array:
    """floor(sqrt(v)) of int64 from 0 to below 2^62: the float root, mended by one either way."""
    root = np.sqrt(v.astype(np.float64)).astype(np.int64)
    root -= root * root > v
    root += (root + 1) * (root + 1) <= v
    return np.asarray(root)


def layernorm(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """Last axis, n elements: d = n x - sum(x), v = sum(d d) + epsilon, z = d / sqrt(v) in 30 bits, affine.

    v is shifted left by an even 2t into 2^60..2^62 before its root r, and d by t, so that |d 2^t| <= r
    up to the root's own rounding: z = floor((d 2^t 2^30 + r / 2) / r).
    """
    count = inputs[0].shape[-1] if inputs[0].shape else 0
    if not 0 < count <= 1024:
        raise ModelError("layer normalisation over 1 to 1024 elements")
    gain = shapes.tensor(instruction, "gain", "int64", (count,))
    offset = shapes.tensor(instruction, "offset", "int64", (count,))
    shift, epsilon = instruction.ints["shift"][0], instruction.ints["epsilon"][0]
    sane = -(1 << 30) <= gain.min() and gain.max() <= 1 << 30 and 1 <= shift <= 60
    sane = sane and -(1 << 61) < offset.min() and offset.max() < 1 << 61 and 1 <= epsilon
    # sum(d d) is below n^3 2^30, since a variance of int16 is at most 2^30.
    if not sane or (count**3 << 30) + epsilon >= 1 << 62:
        raise ModelError("constants of a layer normalisation out of bounds")
    half = 1 << (shift - 1)

    def run(xs: Sequence[Array]) -> Array:
        x = xs[0].astype(np.int64)
        centred = count * x - x.sum(axis=-1, keepdims=True)
        v = (centred * centred).sum(axis=-1, keepdims=True) + epsilon
        t = np.zeros_like(v)
        for bits in (16, 8, 4, 2, 1):
            small = v < np.int64(1) << (62 - 2 * bits)
            v = np.where(small, v << (2 * bits), v)
            t = np.where(small, t + bits, t)
        root = isqrt(v)
        z = (((centred << t) << 30) + (root >> 1)) // root
        return requant.to_int16((z * gain + offset + half) >> shift)

    return run
