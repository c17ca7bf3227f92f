"""Functions of one value and of two, element by element, and those along an axis."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.integer import requant
from board_runner.integer.constants import MAX_DIVISOR_SHIFT
from board_runner.integer.kernels import KNOTS
from board_runner.integer.program import Value
from board_runner.quant import functions
from board_runner.quant.sites import ACTIVATION, WIDE, Sites, at_scale, elementwise, number, refuse


def leaky(site: Sites) -> int:
    """LeakyRelu; Relu is the one of slope 0."""
    default = 0.0 if site.node.op_type == "Relu" else 0.01
    ratio = site.scale(0) / site.like.scale
    slope = float(np.float32(site.node.attributes.get("alpha", default)))
    return site.emit("leaky", site.input(0), ints=elementwise(ratio, slope * ratio))


def _curve(site: Sites, function: Callable[[Array], Array]) -> int:
    """A function at 1025 knots, in 2^-8 of a level, rounded half up; straight lines between."""
    reals = (64.0 * np.arange(KNOTS) - 32768.0) * site.scale(0)
    knots = np.floor(function(reals) / site.like.scale * 256.0 + 0.5)
    limit = (1 << 24) - 1
    return site.emit(
        "curve", site.input(0), tensors={"knots": np.clip(knots, -limit, limit).astype(np.int32)}
    )


def gelu(site: Sites) -> int:
    """x Phi(x)."""
    if site.node.attributes.get("approximate", "none") != "none":
        raise refuse(site, "the tanh form of Gelu")
    return _curve(site, functions.gelu)


def sigmoid(site: Sites) -> int:
    """1 / (1 + exp(-x))."""
    return _curve(site, functions.sigmoid)


def tanh(site: Sites) -> int:
    """The hyperbolic tangent."""
    return _curve(site, functions.tanh)


def _line(ratio: float, offset: float, low: float, high: float, unit: float) -> dict[str, tuple[int, ...]]:
    """Constants of `clip`: x * ratio + offset / unit levels between low / unit and high / unit."""
    multiplier, shift = requant.fit(ratio, ACTIVATION, requant.FLOAT_LIMIT)
    first, last = (int(np.clip(np.rint(limit / unit), *requant.INT16)) for limit in (low, high))
    if not abs(offset / unit) < 1 << 17:
        raise ModelError(f"an offset of {offset:g} at a scale of {unit:g}")
    moved = round(math.ldexp(offset / unit, shift)) + (1 << (shift - 1))
    return {
        **{"multiplier": (multiplier,), "shift": (shift,)},
        **{"offset": (moved,), "low": (first,), "high": (last,)},
    }


def clip(site: Sites) -> int:
    """Between two numbers, either of which may be left out."""
    low, high = number(site, 1), number(site, 2)
    unit = site.like.scale
    line = _line(
        site.scale(0) / unit,
        0.0,
        -32768 * unit if low is None else low,
        32767 * unit if high is None else high,
        unit,
    )
    return site.emit("clip", site.input(0), ints=line)


def hard_sigmoid(site: Sites) -> int:
    """max(0, min(1, alpha x + beta))."""
    slope, offset = site.node.attributes.get("alpha", 0.2), site.node.attributes.get("beta", 0.5)
    if slope < 0:
        raise refuse(site, "HardSigmoid that falls")
    ratio = site.scale(0) * float(slope) / site.like.scale
    return site.emit("clip", site.input(0), ints=_line(ratio, float(offset), 0.0, 1.0, site.like.scale))


def hard_swish(site: Sites) -> int:
    """x by its hard-sigmoid of slope 1/6."""
    gate = Value(dtype="int16", shape=(), scale=1 / 32767)
    line = _line(site.scale(0) / 6 / gate.scale, 0.5, 0.0, 1.0, gate.scale)
    opened = site.work.emit("clip", (site.input(0),), gate, ints=line)
    ratio = site.scale(0) * gate.scale / site.like.scale
    return site.emit("mul", site.input(0), opened, ints=_product_of_two(ratio))


def sqrt(site: Sites) -> int:
    """In half levels, cut off, then rounded: `docs/arithmetic.md`."""
    ratio = 4 * site.scale(0) / site.like.scale**2
    return site.emit("sqrt", site.input(0), ints=elementwise(ratio))


def softmax(site: Sites) -> int:
    """Two tables of 30 bits: exp(-256 i s) and exp(-i s)."""
    if site.node.attributes.get("axis", -1) not in (-1, len(site.shape(0)) - 1):
        raise ModelError(f"{site.node.name}: Softmax over another axis than the last has no integer form")
    if site.like.scale != 2.0**-15:
        raise ModelError(f"{site.node.name}: the output of Softmax has the scale 2^-15")
    scale = site.scale(0)
    steps = np.arange(256.0)
    tables: dict[str, Array] = {}
    for name, step in (("high", 256.0), ("low", 1.0)):
        powers = functions.exp(-(step * steps) * scale)
        tables[name] = np.floor(powers * 2.0**30 + 0.5).astype(np.int32)
    return site.emit("softmax", site.input(0), tensors=tables)


def layernorm(site: Sites) -> int:
    """Gain and offset in the output's levels, shifted so that the largest gain has 30 bits."""
    gain, offset = site.constant(1).astype(np.float64), site.constant(2).astype(np.float64)
    count, scale = site.shape(0)[-1], site.scale(0)
    factor = gain * math.sqrt(count) / site.like.scale
    largest = float(np.abs(factor).max()) or 1.0
    shift = 30 + max(1, min(30, 29 - math.frexp(largest)[1]))
    gains = np.rint(np.ldexp(factor, shift - 30)).astype(np.int64)
    offsets = np.rint(np.ldexp(offset / site.like.scale, shift))
    if np.abs(offsets).max(initial=0) >= 2.0**61 or np.abs(gains).max() > 1 << 30:
        raise ModelError(f"{site.node.name}: scales too far apart")
    epsilon = max(1, round(float(site.node.attributes["epsilon"]) * count**3 / (scale * scale)))
    ints = {"shift": (shift,), "epsilon": (epsilon,)}
    tensors: dict[str, Array] = {"gain": gains.astype(np.int32), "offset": offsets.astype(np.int64)}
    return site.emit("layernorm", site.input(0), ints=ints, tensors=tensors)


def add(site: Sites) -> int:
    """Add or Sub of two activations, or of one and a stored constant."""
    ratios = [site.scale(i) / site.like.scale for i in (0, 1)]
    _, shift = requant.fit(max(ratios), 2 * ACTIVATION, requant.FLOAT_LIMIT)
    if site.node.op_type == "Sub":
        ratios[1] = -ratios[1]
    ints = {"multiplier": tuple(round(r * 2**shift) for r in ratios), "shift": (shift,)}
    return site.emit("add", site.input(0), site.input(1), ints=ints)


def _product_of_two(ratio: float) -> dict[str, tuple[int, ...]]:
    multiplier, shift = requant.fit(ratio, ACTIVATION * ACTIVATION, requant.FLOAT_LIMIT)
    return {"multiplier": (multiplier,), "shift": (shift,)}


def mul(site: Sites) -> int:
    """Two activations, or one by a number or a stored constant."""
    for one, other in ((0, 1), (1, 0)):
        if (factor := number(site, other)) is not None:
            return _scaled(site, one, factor)
    ratio = site.scale(0) * site.scale(1) / site.like.scale
    return site.emit("mul", site.input(0), site.input(1), ints=_product_of_two(ratio))


def _scaled(site: Sites, index: int, factor: float) -> int:
    ints = elementwise(site.scale(index) * abs(factor) / site.like.scale)
    if factor < 0:
        ints["multiplier"] = (-ints["multiplier"][0],)
    return site.emit("scale", site.input(index), ints=ints)


def div(site: Sites) -> int:
    """Two activations, or one by a number or a stored constant."""
    if (divisor := number(site, 1)) is not None:
        if divisor == 0:
            raise refuse(site, "a division by 0")
        return _scaled(site, 0, 1 / divisor)
    ratio = site.scale(0) / (site.scale(1) * site.like.scale)
    multiplier, shift = requant.fit(ratio, ACTIVATION, requant.FLOAT_LIMIT, most=MAX_DIVISOR_SHIFT)
    ints = {"multiplier": (multiplier,), "shift": (shift,)}
    return site.emit("divide", site.input(0), site.input(1), ints=ints)


def larger(site: Sites) -> int:
    """Max of two."""
    if len(site.node.inputs) != 2:
        raise refuse(site, f"Max of {len(site.node.inputs)}")
    return site.emit("max", at_scale(site, 0), at_scale(site, 1))


def total(site: Sites) -> int:
    """ReduceSum, ReduceMean and GlobalAveragePool."""
    node, shape = site.node, site.shape(0)
    listed = tuple(range(2, len(shape))) if node.op_type == "GlobalAveragePool" else ()
    if len(node.inputs) > 1 and node.inputs[1]:
        listed = tuple(int(axis) % len(shape) for axis in site.constant(1).ravel())
    if not listed and node.attributes.get("noop_with_empty_axes", 0):
        raise refuse(site, f"{node.op_type} of nothing")
    axes = listed or tuple(range(len(shape)))
    count = math.prod(shape[axis] for axis in axes)
    ratio = site.scale(0) / (1 if node.op_type == "ReduceSum" else count) / site.like.scale
    multiplier, shift = requant.fit(ratio, count << 15, WIDE)
    flags = tuple(int(axis in axes) for axis in range(len(shape)))
    ints = {"multiplier": (multiplier,), "shift": (shift,), "flags": flags}
    if node.attributes.get("keepdims", 1):
        return site.emit("sum", site.input(0), ints=ints)
    kept = site.work.emit("sum", (site.input(0),), site.like, ints=ints)
    left = tuple(size for axis, size in enumerate(shape) if axis not in axes)
    return site.emit("reshape", kept, ints={"shape": left})
