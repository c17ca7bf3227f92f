"""One function an operator: from a quantised ONNX node to instructions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.graph import Node
from board_runner.integer import requant
from board_runner.integer.kernels import KNOTS
from board_runner.integer.program import Value
from board_runner.quant import functions
from board_runner.quant.lowering import Lowering

ACTIVATION = 1 << 15


@dataclass(frozen=True, kw_only=True)
class Sites:
    """One node, the lowering it belongs to, and what its output is to be."""

    work: Lowering
    node: Node
    like: Value

    @property
    def name(self) -> str:
        """The tensor of the float model that the node's output stands for."""
        return self.node.outputs[0].removesuffix("/raw")

    def input(self, index: int) -> int:
        """Value of input `index`."""
        return self.work.value(self.node.inputs[index])

    def scale(self, index: int) -> float:
        """Scale of input `index`."""
        return self.work.values[self.input(index)].scale

    def shape(self, index: int) -> tuple[int, ...]:
        """Shape of input `index`."""
        return self.work.values[self.input(index)].shape

    def emit(
        self,
        op: str,
        *inputs: int,
        ints: Mapping[str, tuple[int, ...]] | None = None,
        tensors: dict[str, Array] | None = None,
    ) -> int:
        """An instruction that gives the node's output."""
        return self.work.emit(op, inputs, self.like, ints=ints, tensors=tensors, name=self.name)

    def constant(self, index: int) -> Array:
        """An initializer that is no activation."""
        return self.work.constants[self.node.inputs[index]]


def elementwise(*ratios: float) -> dict[str, tuple[int, ...]]:
    """Multipliers and shifts of int16 levels, one pair a ratio."""
    pairs = [requant.fit(ratio, ACTIVATION, requant.FLOAT_LIMIT) for ratio in ratios]
    return {"multiplier": tuple(m for m, _ in pairs), "shift": tuple(s for _, s in pairs)}


def _product(
    site: Sites, weight: Array, scale: Array, bias: Array | None, *, rows: Array
) -> dict[str, Array]:
    """Multipliers, shifts and offsets of a convolution or linear layer; `rows` is the weight, channels first.

    offset = bias / scale of the output * 2^s, rounded, + 2^(s-1) - zero * sum(w) * M: the bias keeps s bits
    below a level, where a bias in units of the accumulator would be as coarse as that is.
    """
    source = site.work.values[site.input(0)]
    narrow = source.dtype == "uint8"
    unit = source.scale * np.broadcast_to(scale, rows.shape[:1]).astype(np.float64)
    real = np.zeros(rows.shape[0]) if bias is None else bias.astype(np.float64)
    if not np.abs(real / site.like.scale).max(initial=0) < 1 << 50:  # NaN is not either
        raise ModelError(f"{site.node.name}: a bias of 2^50 levels")
    wide = rows.astype(np.int64)
    axes = tuple(range(1, rows.ndim))
    sums = wide.sum(axis=axes)
    reach = (128 if narrow else 32768) * int(np.abs(wide).sum(axis=axes).max(initial=0))
    # The largest sum with its bias, as the kernels form it: from uint8 levels minus 128.
    bound = reach + int(np.ceil(np.abs(real / unit)).max(initial=0)) + 256 * int(np.abs(sums).max(initial=0))
    limit = requant.FLOAT_LIMIT if narrow else requant.INT_LIMIT - (1 << 52)
    pairs = [requant.fit(float(u) / site.like.scale, bound, limit) for u in unit]
    multiplier, shift = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    halves = np.left_shift(np.int64(1), shift - 1)
    offset = np.rint(np.ldexp(real / site.like.scale, shift)).astype(np.int64) + halves
    return {
        "weight": weight,
        "offset": offset - source.zero * sums * multiplier,
        "multiplier": multiplier.astype(np.int32),
        "shift": shift.astype(np.int8),
    }


def conv(site: Sites) -> int:
    """Conv in one dimension."""
    weight, scale = site.work.weights[site.node.inputs[1]]
    if weight.ndim != 3:
        raise ModelError(
            f"{site.node.name}: a convolution in {weight.ndim - 2} dimensions has no integer form"
        )
    attributes = site.node.attributes
    if attributes.get("auto_pad", "NOTSET") != "NOTSET":
        raise ModelError(f"{site.node.name}: auto_pad {attributes['auto_pad']} has no integer form")
    bias = site.constant(2) if len(site.node.inputs) > 2 else None
    op = "conv8" if site.work.values[site.input(0)].dtype == "uint8" else "conv16"
    ints = {
        "stride": (int(attributes.get("strides", [1])[0]),),
        "dilation": (int(attributes.get("dilations", [1])[0]),),
        "group": (int(attributes.get("group", 1)),),
        "pads": tuple(int(p) for p in attributes.get("pads", [0, 0])),
    }
    tensors = _product(site, weight, scale, bias, rows=weight)
    return site.emit(op, site.input(0), ints=ints, tensors=tensors)


def linear(site: Sites) -> int:
    """Gemm or MatMul with stored weights; MatMul of two activations."""
    attributes = site.node.attributes
    if site.node.inputs[1] not in site.work.weights:
        return _matmul(site)
    if attributes.get("transA", 0) or {attributes.get(k, 1.0) for k in ("alpha", "beta")} != {1.0}:
        raise ModelError(f"{site.node.name}: Gemm with alpha, beta or transA has no integer form")
    weight, scale = site.work.weights[site.node.inputs[1]]
    weight = np.ascontiguousarray(weight.T) if attributes.get("transB", 0) else weight
    bias = site.constant(2).ravel() if len(site.node.inputs) > 2 else None
    tensors = _product(site, weight, scale, bias, rows=weight.T)
    return site.emit("linear", site.input(0), tensors=tensors)


def _matmul(site: Sites) -> int:
    if site.node.op_type != "MatMul":
        raise ModelError(f"{site.node.name}: Gemm of two activations has no integer form")
    bound = site.shape(0)[-1] << 30
    ratio = site.scale(0) * site.scale(1) / site.like.scale
    multiplier, shift = requant.fit(ratio, bound, requant.INT_LIMIT - (1 << 52))
    ints = {"multiplier": (multiplier,), "shift": (shift,)}
    return site.emit("matmul", site.input(0), site.input(1), ints=ints)


def leaky(site: Sites) -> int:
    """LeakyRelu; Relu is the one of slope 0."""
    default = 0.0 if site.node.op_type == "Relu" else 0.01
    ratio = site.scale(0) / site.like.scale
    slope = float(np.float32(site.node.attributes.get("alpha", default)))
    return site.emit("leaky", site.input(0), ints=elementwise(ratio, slope * ratio))


def gelu(site: Sites) -> int:
    """x Phi(x) at 1025 knots, in 2^-8 of a level, rounded half up; straight lines between."""
    if site.node.attributes.get("approximate", "none") != "none":
        raise ModelError(f"{site.node.name}: the tanh form of Gelu has no integer form")
    reals = (64.0 * np.arange(KNOTS) - 32768.0) * site.scale(0)
    knots = np.floor(functions.gelu(reals) / site.like.scale * 256.0 + 0.5)
    limit = (1 << 24) - 1
    return site.emit(
        "curve", site.input(0), tensors={"knots": np.clip(knots, -limit, limit).astype(np.int32)}
    )


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
    """Two activations, or one and a stored constant."""
    ratios = [site.scale(i) / site.like.scale for i in (0, 1)]
    _, shift = requant.fit(max(ratios), 2 * ACTIVATION, requant.FLOAT_LIMIT)
    ints = {"multiplier": tuple(round(r * 2**shift) for r in ratios), "shift": (shift,)}
    return site.emit("add", site.input(0), site.input(1), ints=ints)


def mul(site: Sites) -> int:
    """By one positive constant only."""
    name = site.node.inputs[1]
    factor = site.work.constants.get(name)
    if factor is None or factor.size != 1 or float(factor.ravel()[0]) < 0:
        raise ModelError(f"{site.node.name}: Mul by anything but a positive number has no integer form")
    ratio = site.scale(0) * float(factor.ravel()[0]) / site.like.scale
    return site.emit("scale", site.input(0), ints=elementwise(ratio))


def _at_scale(site: Sites, index: int) -> int:
    """Input `index` at the output's scale."""
    ratio = site.scale(index) / site.like.scale
    if ratio == 1:
        return site.input(index)
    return site.work.emit("scale", (site.input(index),), site.like, ints=elementwise(ratio))


def concat(site: Sites) -> int:
    """Every part at the scale of the whole."""
    parts = [_at_scale(site, i) for i in range(len(site.node.inputs))]
    axis = int(site.node.attributes["axis"]) % len(site.shape(0))
    return site.emit("concat", *parts, ints={"axis": (axis,)})


def pad(site: Sites) -> int:
    """Reflecting, or zeros."""
    pads, rank = [int(p) for p in site.constant(1)], len(site.shape(0))
    mode = site.node.attributes.get("mode", "constant")
    if len(pads) != 2 * rank or len(site.node.inputs) > 2 or mode not in ("reflect", "constant"):
        raise ModelError(f"{site.node.name}: Pad other than reflecting or with zeros has no integer form")
    ints = {"begins": tuple(pads[:rank]), "ends": tuple(pads[rank:]), "mode": (int(mode == "reflect"),)}
    return site.emit("pad", _at_scale(site, 0), ints=ints)


def reshape(site: Sites) -> int:
    """Any operator that only changes the shape."""
    source = _at_scale(site, 0)
    old, op, node = site.shape(0), site.node.op_type, site.node
    view = np.broadcast_to(np.int8(0), old)
    if op == "Identity":
        return source
    if op == "Reshape":
        asked = [old[i] if size == 0 else int(size) for i, size in enumerate(site.constant(1))]
        known = math.prod(size for size in asked if size > 0)
        shape = tuple(math.prod(old) // known if size == -1 else size for size in asked)
    elif op == "Flatten":
        axis = int(node.attributes.get("axis", 1)) % (len(old) + 1)
        shape = (math.prod(old[:axis]), math.prod(old[axis:]))
    else:
        axes = tuple(int(a) for a in site.constant(1).ravel()) if len(node.inputs) > 1 else None
        shape = (np.squeeze(view, axes) if op == "Squeeze" else np.expand_dims(view, axes or ())).shape
    return site.emit("reshape", source, ints={"shape": shape})


def transpose(site: Sites) -> int:
    """Axes in another order."""
    perm = site.node.attributes.get("perm", list(range(len(site.shape(0))))[::-1])
    return site.emit("transpose", _at_scale(site, 0), ints={"perm": tuple(int(p) for p in perm)})


def gather(site: Sites) -> int:
    """One slice of one axis."""
    index, shape = site.constant(1), site.shape(0)
    if index.shape != ():
        raise ModelError(f"{site.node.name}: Gather of more than one slice has no integer form")
    axis = int(site.node.attributes.get("axis", 0)) % len(shape)
    ints = {"axis": (axis,), "index": (int(index) % shape[axis],)}
    return site.emit("take", _at_scale(site, 0), ints=ints)


LOWER: Mapping[str, Callable[[Sites], int]] = {
    "Add": add,
    "Concat": concat,
    "Conv": conv,
    "Flatten": reshape,
    "Gather": gather,
    "Gelu": gelu,
    "Gemm": linear,
    "Identity": reshape,
    "LayerNormalization": layernorm,
    "LeakyRelu": leaky,
    "MatMul": linear,
    "Mul": mul,
    "Pad": pad,
    "Relu": leaky,
    "Reshape": reshape,
    "Softmax": softmax,
    "Squeeze": reshape,
    "Transpose": transpose,
    "Unsqueeze": reshape,
}
