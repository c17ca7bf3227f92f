"""Matrix products, softmax and layer normalisation in integers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from board_runner.contract import Array
from board_runner.integer import constants, requant
from board_runner.integer.program import Instruction, Kernel, Value


def linear(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """(..., K) int16 by (K, N) int16 -> (..., N) int16."""
    weight, largest = constants.channels(instruction, axis=1)
    finish = requant.finisher(
        *(instruction.tensors[name].astype(np.int64) for name in ("multiplier", "shift", "offset")),
        reach=largest << 15,
    )
    kernel = weight.astype(np.float64)

    def run(xs: Sequence[Array], out: Array) -> Array:
        finish(np.asarray(xs[0].astype(np.float64) @ kernel), out)
        return out

    return run


def matmul(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """(..., M, K) int16 by (..., K, N) int16 -> (..., M, N) int16."""
    ((multiplier, shift),) = constants.rescale(instruction)
    finish = requant.finisher(
        *(np.asarray(number, np.int64) for number in (multiplier, shift, 1 << (shift - 1))),
        reach=constants.inner(inputs[0].shape) << 30,
    )

    def run(xs: Sequence[Array], out: Array) -> Array:
        finish(xs[0].astype(np.float64) @ xs[1].astype(np.float64), out)
        return out

    return run


def softmax(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """Last axis: d = max - x, e = (hi[d >> 8] * lo[d & 255] + 2^29) >> 30, (e * 2^15 + sum / 2) / sum."""
    high, low = (part.astype(np.int64) for part in constants.powers(instruction, inputs[0].shape))

    def run(xs: Sequence[Array], out: Array) -> Array:
        x = xs[0].astype(np.int64)
        below = x.max(axis=-1, keepdims=True) - x
        powers = (high[below >> 8] * low[below & 255] + (1 << 29)) >> 30
        total = powers.sum(axis=-1, keepdims=True)
        levels = ((powers << 15) + (total >> 1)) // total
        out[...] = np.minimum(levels, 32767)
        return out

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
    gain, offset, shift, epsilon = constants.affine(instruction, inputs[0].shape)
    count, half = inputs[0].shape[-1], 1 << (shift - 1)
    gain = gain.astype(np.int64)

    def run(xs: Sequence[Array], out: Array) -> Array:
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
        requant.saturate((z * gain + offset + half) >> shift, out)
        return out

    return run
