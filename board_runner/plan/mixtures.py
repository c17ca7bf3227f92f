"""Several fixed convolutions of one input, weighed by shares and summed: run as one convolution with mixed weights.

sum_k a_k (W_k * x + b_k) = (sum_k a_k W_k) * x + sum_k a_k b_k. An export has the left side, since no converter
takes weights computed at run time; here the right side does the same with one convolution in place of several.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from board_runner.contract import Array
from board_runner.graph import Node
from board_runner.plan.convolutions2d import geometry_of
from board_runner.plan.pattern import Match, Pattern
from board_runner.plan.planes import DenseConv2d, DepthwiseConv2d, Geometry


def mixture(p: Pattern, position: int) -> Match | None:
    """Convolutions of planes that differ in weights alone, each times its part of one Split, all added up."""
    first = p.nodes[position]
    share = _share(p, position)
    if share is None:
        return None
    split = p.nodes[share[0]]
    convs = {share[1]: position}
    for other in p.readers(first.inputs[0]):
        if other != position and _alike(p, first, p.nodes[other]):
            found = _share(p, other)
            if found is not None and found[0] == share[0]:
                convs.setdefault(found[1], other)
    if sorted(convs) != list(range(len(split.outputs))) or len(convs) < 2:
        return None
    ordered = [convs[i] for i in range(len(convs))]
    sums = _summed(p, [_product(p, conv) for conv in ordered])
    mixed = None if sums is None else _mixed(p, [p.nodes[conv] for conv in ordered])
    if sums is None or mixed is None:
        return None
    products = [place for conv in ordered if (place := _product(p, conv)) is not None]
    return p.match([*ordered, *products, *sums], (first.inputs[0], *split.outputs), mixed)


def _product(p: Pattern, conv: int) -> int | None:
    return p.only_reader(conv, "Mul") if p.nodes[conv].op_type == "Conv" else None


def _share(p: Pattern, conv: int) -> tuple[int, int] | None:
    """The Split that gives what the convolution's output is multiplied by, and which part of it that is."""
    times = _product(p, conv)
    factor = None if times is None else p.other_input(times, p.nodes[conv].outputs[0])
    giver = None if factor is None else p.giver(factor)
    if factor is None or giver is None or p.nodes[giver].op_type != "Split":
        return None
    return giver, p.nodes[giver].outputs.index(factor)


def _alike(p: Pattern, first: Node, other: Node) -> bool:
    """Another convolution of the same input, of the same form."""
    if other.op_type != "Conv" or other.inputs[0] != first.inputs[0]:
        return False
    one, two = (p.constants.get(node.inputs[1]) for node in (first, other))
    same = one is not None and two is not None and one.shape == two.shape
    return same and other.attributes == first.attributes and len(other.inputs) == len(first.inputs)


def _summed(p: Pattern, products: Sequence[int | None]) -> list[int] | None:
    """The Adds that sum the products in their order, and nothing else."""
    if any(product is None for product in products):
        return None
    last, sums = products[0], []
    for product in products[1:]:
        assert last is not None and product is not None
        step = p.only_reader(last, "Add")
        if step is None or p.other_input(step, p.nodes[last].outputs[0]) != p.nodes[product].outputs[0]:
            return None
        if p.only_reader(product, "Add") != step:
            return None
        sums.append(step)
        last = step
    return sums


def _mixed(p: Pattern, convs: Sequence[Node]) -> Mixture | None:
    """The one convolution, where all weights are known and of a form that it has."""
    weights = [p.constants.get(conv.inputs[1]) for conv in convs]
    biases = [p.constants.get(conv.inputs[2]) if len(conv.inputs) > 2 else None for conv in convs]
    known = [w for w in weights if w is not None and w.ndim == 4 and w.dtype == np.float32]
    shifts = [b for b in biases if b is not None]
    if len(known) < len(convs) or len(shifts) < len(convs):
        return None
    geometry = geometry_of(convs[0], known[0].shape[2:], None)
    if geometry is None:
        return None
    groups = int(convs[0].attributes.get("group", 1))
    channelwise = groups > 1 and groups == len(known[0]) and known[0].shape[1] == 1
    if channelwise and geometry.dilations != (1, 1):
        return None
    return Mixture(
        weights=np.stack(known),
        biases=np.stack(shifts),
        groups=groups,
        geometry=geometry,
        channelwise=channelwise,
    )


class _Dense(DenseConv2d):
    """A dense convolution whose weights change between runs."""

    def change(self, weights: Array, bias: Array) -> None:
        self._matrices = weights.reshape(self._matrices.shape)
        self._bias = bias.reshape(self._groups, -1, 1)


class _Depthwise(DepthwiseConv2d):
    """A depthwise convolution whose taps change between runs: the bands of a shape keep their zeros."""

    def change(self, weights: Array, bias: Array) -> None:
        self._taps, self._bias = weights[:, 0], bias
        channels, kh, kw = self._taps.shape
        stride = self._geometry.strides[1]
        for shape in self._shapes.values():
            channel, row, item = shape.bands.strides
            span, block = shape.source.shape[-1], shape.bands.shape[-1]
            diagonals = np.lib.stride_tricks.as_strided(
                shape.bands, (channels, kh, kw, block), (channel, span * row, row, stride * row + item)
            )
            diagonals[...] = self._taps[..., None]
            shape.bands[:, -1] = bias[:, None]


class Mixture:
    """x (N, C, H, W) and what each of K convolutions is multiplied by -> the sum of the products.

    Where these are shares, (N, 1, 1, 1) each, one kernel is mixed for each clip.
    """

    def __init__(
        self, *, weights: Array, biases: Array, groups: int, geometry: Geometry, channelwise: bool
    ) -> None:
        self._weights, self._flat = weights, weights.reshape(len(weights), -1)
        self._biases = biases
        self._conv: _Dense | _Depthwise
        if channelwise:
            self._conv = _Depthwise(taps=weights[0, :, 0], bias=biases[0], geometry=geometry, alpha=None)
        else:
            self._conv = _Dense(
                weights=weights[0], bias=biases[0], groups=groups, geometry=geometry, alpha=None
            )

    def __call__(self, inputs: Sequence[Array | None]) -> Sequence[Array]:
        x, *shares = (value for value in inputs if value is not None)
        if any(share.shape != (len(x), 1, 1, 1) for share in shares):
            return (self._as_written(x, shares),)
        table = np.concatenate([share.reshape(-1, 1) for share in shares], axis=1)
        if len(x) == 1:
            return (self._of_clip(x, table[0]),)
        return (np.concatenate([self._of_clip(x[n : n + 1], table[n]).copy() for n in range(len(x))]),)

    def _of_clip(self, x: Array, shares: Array) -> Array:
        self._conv.change((shares @ self._flat).reshape(self._weights.shape[1:]), shares @ self._biases)
        return self._conv((x,))[0]

    def _as_written(self, x: Array, factors: Sequence[Array]) -> Array:
        total: Array | None = None
        for weights, bias, factor in zip(self._weights, self._biases, factors, strict=True):
            self._conv.change(weights, bias)
            product = factor * self._conv((x,))[0]
            total = product if total is None else total + product
        assert total is not None
        return total
