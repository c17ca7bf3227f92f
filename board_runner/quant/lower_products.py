"""Convolutions, dense layers and what becomes a convolution: normalisation a channel, average pooling."""

from __future__ import annotations

import math

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.integer import requant
from board_runner.quant.sites import WIDE, Sites, refuse


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
    limit = requant.FLOAT_LIMIT if narrow else WIDE
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


def window(site: Sites, kernel: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Stride, dilation and pads of a node with a window of `kernel`. Raises ModelError for pads by another rule."""
    attributes, rank = site.node.attributes, len(kernel)
    if attributes.get("auto_pad", "NOTSET") != "NOTSET":
        raise refuse(site, f"auto_pad {attributes['auto_pad']}")
    if attributes.get("ceil_mode", 0):
        raise refuse(site, "ceil_mode")
    pads = tuple(int(p) for p in attributes.get("pads", [0] * 2 * rank))
    return {
        "stride": tuple(int(s) for s in attributes.get("strides", [1] * rank)),
        "dilation": tuple(int(d) for d in attributes.get("dilations", [1] * rank)),
        "begins": pads[:rank],
        "ends": pads[rank:],
    }


def conv(site: Sites) -> int:
    """Conv in one dimension or two."""
    weight, scale = site.work.weights[site.node.inputs[1]]
    if weight.ndim not in (3, 4):
        raise refuse(site, f"a convolution in {weight.ndim - 2} dimensions")
    bias = site.constant(2) if len(site.node.inputs) > 2 else None
    op = "conv8" if site.work.values[site.input(0)].dtype == "uint8" else "conv16"
    ints = {**window(site, weight.shape[2:]), "group": (int(site.node.attributes.get("group", 1)),)}
    return site.emit(op, site.input(0), ints=ints, tensors=_product(site, weight, scale, bias, rows=weight))


def _each_channel(site: Sites, weight: Array, scale: Array, bias: Array | None) -> int:
    """A filter (C, 1, ...) on each channel, in 16 bits."""
    ints = {**window(site, weight.shape[2:]), "group": weight.shape[:1]}
    tensors = _product(site, weight, scale, bias, rows=weight)
    return site.emit("conv16", site.input(0), ints=ints, tensors=tensors)


def batch_norm(site: Sites) -> int:
    """A tap of 1 or -1 a channel, the gain as its multiplier: mean and variance are folded into gain and offset."""
    rank = len(site.shape(0)) - 2
    if rank not in (1, 2):
        raise refuse(site, f"a batch normalisation of {rank + 2} axes")
    gamma, beta, mean, variance = (site.constant(i).astype(np.float64) for i in (1, 2, 3, 4))
    gain = gamma / np.sqrt(variance + float(site.node.attributes.get("epsilon", 1e-5)))
    taps = np.sign(gain).astype(np.int16).reshape(-1, *[1] * (rank + 1))
    return _each_channel(site, taps, np.where(gain == 0, 1.0, np.abs(gain)), beta - mean * gain)


def average_pool(site: Sites) -> int:
    """The mean of each window, its pads counted as zeros."""
    kernel = tuple(int(k) for k in site.node.attributes["kernel_shape"])
    pads = window(site, kernel)["begins"] + window(site, kernel)["ends"]
    if any(pads) and not site.node.attributes.get("count_include_pad", 0):
        raise refuse(site, "AveragePool that leaves its pads out of the count")
    channels = site.shape(0)[1]
    taps = np.ones((channels, 1, *kernel), np.int16)
    return _each_channel(site, taps, np.full(channels, 1 / math.prod(kernel)), None)


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
    multiplier, shift = requant.fit(ratio, bound, WIDE)
    ints = {"multiplier": (multiplier,), "shift": (shift,)}
    return site.emit("matmul", site.input(0), site.input(1), ints=ints)
