"""The arithmetic of `docs/arithmetic.md` in integers alone, as plainly as it is written there.

The second realisation: no BLAS, no tables of 65536 entries, no float but in `quantize`. Slow; `kernels` is held
against it bit by bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from board_runner.contract import Array
from board_runner.integer import constants
from board_runner.integer.program import Instruction, Kernel, Value

Rule = Callable[[Instruction, Sequence[Array], Sequence[Value], Value], Array]
"""Instruction, int64 inputs, what they and the output are -> whole numbers."""


def prepare(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """The kernel of `instruction`; its constants are checked when it runs. Raises ModelError then."""
    rule = RULES[instruction.op]

    def run(xs: Sequence[Array], out: Array) -> Array:
        wide = [x if x.dtype == np.float32 else x.astype(np.int64) for x in xs]
        out[...] = rule(instruction, wide, inputs, output).reshape(output.shape)
        return out

    return run


def _channels(acc: Array, step: Instruction, *, axis: int) -> Array:
    """sat16((a M + offset) >> s), constants along `axis` of the two of `acc`'s last axes."""
    shape = (-1, 1) if axis == 0 else (-1,)
    m, s, o = (step.tensors[k].astype(np.int64).reshape(shape) for k in ("multiplier", "shift", "offset"))
    return _sat16((acc * m + o) >> s)


def _rescaled(acc: Array, multiplier: Array | int, shift: Array | int) -> Array:
    """R(a; M, s) = (a M + 2^(s-1)) >> s."""
    half = np.left_shift(np.int64(1), np.asarray(shift, np.int64) - 1)
    return np.asarray((acc * np.asarray(multiplier, np.int64) + half) >> np.asarray(shift, np.int64))


def _sat16(levels: Array) -> Array:
    return np.asarray(np.minimum(np.maximum(levels, -32768), 32767))


def _quantize(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        nearest = np.rint(np.divide(xs[0], np.float32(output.scale), dtype=np.float32))
    whole = np.nan_to_num(nearest, nan=0.0, posinf=32767.0, neginf=-32768.0)
    return np.asarray(np.clip(whole, -32768, 32767).astype(np.int64))


def _narrow(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    ((m, s),) = constants.rescale(step)
    return np.asarray(np.minimum(np.maximum(_rescaled(xs[0], m, s) + output.zero, 0), 255))


def _conv(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    """Sums over the taps, each with all that its group reads; any number of axes."""
    weight, _ = constants.channels(step, axis=0)
    group, (rows, depth, *kernel) = step.ints["group"][0], weight.shape
    x = _padded(step, xs[0], inputs[0].zero)
    w = weight.astype(np.int64).reshape(group, rows // group, depth, *kernel)
    acc = np.zeros((group, rows // group, math.prod(output.shape[2:])), np.int64)
    for tap in np.ndindex(*kernel):
        columns = _at_tap(step, x, tap, output.shape[2:])
        acc += w[(..., *tap)] @ columns.reshape(group, depth, -1)
    return _channels(acc.reshape(rows, -1), step, axis=0)


def _padded(step: Instruction, x: Array, fill: int) -> Array:
    """(C, ...) with the pads of a window."""
    widths = [(0, 0), *zip(step.ints["begins"], step.ints["ends"], strict=True)]
    return np.pad(x[0], widths, constant_values=fill)


def _at_tap(step: Instruction, x: Array, tap: Sequence[int], sizes: Sequence[int]) -> Array:
    """What one tap of a sliding window reads of padded `x`: index i * stride + k * dilation on every axis."""
    stride, dilation = step.ints["stride"], step.ints["dilation"]
    axes = [k * d + np.arange(n) * s for k, d, n, s in zip(tap, dilation, sizes, stride, strict=True)]
    return x[np.ix_(np.arange(len(x)), *axes)]


def _maxpool(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    x = _padded(step, xs[0], -32768)
    taps = np.ndindex(*step.ints["kernel"])
    return np.asarray(np.max([_at_tap(step, x, tap, output.shape[2:]) for tap in taps], axis=0))


def _linear(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    weight, _ = constants.channels(step, axis=1)
    return _channels(xs[0] @ weight.astype(np.int64), step, axis=1)


def _matmul(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    ((m, s),) = constants.rescale(step)
    return _sat16(_rescaled(xs[0] @ xs[1], m, s))


def _scale(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    ((m, s),) = constants.rescale(step)
    return _sat16(_rescaled(xs[0], m, s))


def _leaky(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    (m, s), (n, t) = constants.rescale(step)
    return _sat16(np.where(xs[0] >= 0, _rescaled(xs[0], m, s), _rescaled(xs[0], n, t)))


def _add(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    m, n, s = constants.sum_constants(step)
    return _sat16((xs[0] * m + xs[1] * n + (1 << (s - 1))) >> s)


def _mul(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    ((m, s),) = constants.rescale(step)
    return _sat16(_rescaled(xs[0] * xs[1], m, s))


def _clip(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    m, s, offset, low, high = constants.limits(step)
    return np.asarray(np.minimum(np.maximum((xs[0] * m + offset) >> s, low), high))


def _sum(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    m, s, axes = constants.total(step, inputs[0].shape)
    return _sat16(_rescaled(xs[0].sum(axis=axes), m, s))


def _max(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    return np.asarray(np.where(xs[0] > xs[1], xs[0], xs[1]))


def _sqrt(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    """Python's own integers."""
    ((m, s),) = constants.rescale(step)
    roots = [(math.isqrt((max(x, 0) * m) >> s) + 1) >> 1 for x in xs[0].ravel().tolist()]
    return _sat16(np.array(roots, np.int64))


def _divide(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    """Python's own integers."""
    m, s = constants.quotient(step)
    pairs = zip(*(part.ravel().tolist() for part in np.broadcast_arrays(*xs)), strict=True)
    signed = [(-a * m if b < 0 else a * m, abs(b) or 1) for a, b in pairs]
    return _sat16(np.array([(2 * n + (d << s)) // (d << (s + 1)) for n, d in signed], np.int64))


def _curve(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    knots = step.tensors["knots"].astype(np.int64)
    place, part = (xs[0] + 32768) >> 6, xs[0] & 63
    return _sat16((knots[place] * (64 - part) + knots[place + 1] * part + 8192) >> 14)


def _softmax(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    high, low = (part.astype(np.int64) for part in constants.powers(step, inputs[0].shape))
    d = xs[0].max(axis=-1, keepdims=True) - xs[0]
    e = (high[d >> 8] * low[d & 255] + (1 << 29)) >> 30
    total = e.sum(axis=-1, keepdims=True)
    return np.asarray(np.minimum(((e << 15) + (total >> 1)) // total, 32767))


def _layernorm(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    """Python's own integers, a row at a time."""
    gain, offset, shift, epsilon = constants.affine(step, inputs[0].shape)
    rows = xs[0].reshape(-1, xs[0].shape[-1]).tolist()
    gains, offsets, half = gain.tolist(), offset.tolist(), 1 << (shift - 1)
    result = []
    for row in rows:
        n, total = len(row), sum(row)
        centred = [n * x - total for x in row]
        v = sum(d * d for d in centred) + epsilon
        t = (61 - (v.bit_length() - 1)) // 2
        root = math.isqrt(v << (2 * t))
        z = [((d << (t + 30)) + (root >> 1)) // root for d in centred]
        result.append([(a * g + o + half) >> shift for a, g, o in zip(z, gains, offsets, strict=True)])
    return _sat16(np.array(result, np.int64))


def _constant(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    return constants.tensor(step, "data", "int16", output.shape)


def _pad(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    """Reads each element from where it comes: index i - begin, reflected at both ends in mode 1."""
    x, reflects = xs[0], step.ints["mode"] == (1,)
    for axis, (begin, size) in enumerate(zip(step.ints["begins"], output.shape, strict=True)):
        count = x.shape[axis]
        at = np.arange(size) - begin
        inside = (at >= 0) & (at < count)
        if reflects:
            at = np.where(at < 0, -at, at)
            at = np.where(at >= count, 2 * (count - 1) - at, at)
        shape = [-1 if a == axis else 1 for a in range(x.ndim)]
        taken = np.take(x, np.clip(at, 0, count - 1), axis=axis)
        x = taken if reflects else np.where(inside.reshape(shape), taken, 0)
    return x


def _reshape(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    return xs[0]


def _transpose(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    return xs[0].transpose(step.ints["perm"])


def _take(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    return np.asarray(np.take(xs[0], step.ints["index"][0], axis=step.ints["axis"][0]))


def _concat(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    return np.concatenate(xs, axis=step.ints["axis"][0])


def _slice(step: Instruction, xs: Sequence[Array], inputs: Sequence[Value], output: Value) -> Array:
    ints = (step.ints[name] for name in ("begins", "ends", "steps"))
    places = np.ix_(*(np.arange(*three) for three in zip(*ints, strict=True)))
    return np.asarray(xs[0][places])


RULES: dict[str, Rule] = {
    "quantize": _quantize,
    "narrow": _narrow,
    "conv8": _conv,
    "conv16": _conv,
    "linear": _linear,
    "matmul": _matmul,
    "scale": _scale,
    "leaky": _leaky,
    "add": _add,
    "curve": _curve,
    "softmax": _softmax,
    "layernorm": _layernorm,
    "constant": _constant,
    "pad": _pad,
    "reshape": _reshape,
    "transpose": _transpose,
    "take": _take,
    "concat": _concat,
    "mul": _mul,
    "clip": _clip,
    "sum": _sum,
    "max": _max,
    "slice": _slice,
    "sqrt": _sqrt,
    "divide": _divide,
    "maxpool": _maxpool,
}
