"""Find pad + 1-D convolution + activation (+ pad + blur) and replace it by one tiled step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from board_runner.plan.dense import Blur, DenseConv1d
from board_runner.plan.depthwise import DepthwiseConv1d
from board_runner.plan.pattern import Match, Pattern
from board_runner.plan.signal import Padding


@dataclass(frozen=True, kw_only=True)
class _Conv:
    """A 1-D Conv node with constant weights (M, C / groups, k), and the pad before it."""

    weights: Array
    bias: Array | None
    groups: int
    stride: int
    dilation: int
    padding: Padding
    source: str

    @property
    def is_depthwise(self) -> bool:
        return self.groups == len(self.weights) and self.weights.shape[1] == 1


def conv_chain(p: Pattern, position: int) -> Match | None:
    """A chain that begins with a Pad or a Conv at `position`."""
    found = _padded_conv(p, position)
    if found is None:
        return None
    conv, chain = found
    if conv.stride != 1:
        return None
    alpha = activation(p, chain)
    if conv.is_depthwise and conv.groups > 1:
        depthwise = DepthwiseConv1d(
            taps=conv.weights[:, 0],
            bias=conv.bias,
            dilation=conv.dilation,
            padding=conv.padding,
            alpha=alpha,
        )
        return p.match(chain, (conv.source,), depthwise)
    if conv.groups != 1:
        return None
    dense = DenseConv1d(
        weights=conv.weights,
        bias=conv.bias,
        dilation=conv.dilation,
        padding=conv.padding,
        alpha=alpha,
        blur=_blur(p, chain, len(conv.weights)),
    )
    return p.match(chain, (conv.source,), dense)


def _padded_conv(p: Pattern, position: int) -> tuple[_Conv, list[int]] | None:
    """The Conv at `position`, or the one that alone reads the Pad there; and the nodes it took."""
    node = p.nodes[position]
    if node.op_type == "Conv":
        conv = _conv(p, position, Padding(), node.inputs[0])
        return None if conv is None else (conv, [position])
    padding = _pad_node(p, position)
    reader = p.only_reader(position, "Conv")
    if padding is None or reader is None or p.nodes[reader].inputs[0] != node.outputs[0]:
        return None
    conv = _conv(p, reader, padding, node.inputs[0])
    return None if conv is None else (conv, [position, reader])


def _conv(p: Pattern, position: int, before: Padding, source: str) -> _Conv | None:
    node = p.nodes[position]
    weights = p.constants.get(node.inputs[1])
    bias_name = node.inputs[2] if len(node.inputs) > 2 else ""
    bias = p.constants.get(bias_name)
    if weights is None or weights.ndim != 3 or weights.dtype != np.float32 or (bias_name and bias is None):
        return None
    if node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return None
    left, right = node.attributes.get("pads") or (0, 0)
    if (left or right) and (before.left or before.right):
        return None
    return _Conv(
        weights=weights,
        bias=bias,
        groups=int(node.attributes.get("group", 1)),
        stride=int((node.attributes.get("strides") or [1])[0]),
        dilation=int((node.attributes.get("dilations") or [1])[0]),
        padding=Padding(left=int(left), right=int(right)) if left or right else before,
        source=source,
    )


def _pad_node(p: Pattern, position: int) -> Padding | None:
    """The Pad at `position` if it pads the last of three axes only, by constant amounts."""
    node = p.nodes[position]
    if node.op_type != "Pad" or len(node.inputs) > 3:
        return None
    pads = p.ints(node, 1, "pads")
    mode = node.attributes.get("mode", "constant")
    if pads is None or len(pads) != 6 or any(pads[:2]) or any(pads[3:5]) or min(pads) < 0:
        return None
    if mode not in ("constant", "reflect", "edge"):
        return None
    if mode == "constant":
        fill = node.inputs[2] if len(node.inputs) > 2 else ""
        value = p.scalar(fill) if fill else node.attributes.get("value", 0.0)
        if value != 0.0:
            return None
    return Padding(left=pads[2], right=pads[5], mode=mode)


def activation(p: Pattern, chain: list[int]) -> float | None:
    """The slope below zero of the activation that alone reads the chain, which then joins it."""
    reader = p.only_reader(chain[-1], "LeakyRelu", "Relu")
    if reader is None:
        return None
    node = p.nodes[reader]
    alpha = float(node.attributes.get("alpha", 0.01)) if node.op_type == "LeakyRelu" else 0.0
    if not 0.0 <= alpha <= 1.0:
        return None
    chain.append(reader)
    return alpha


def _blur(p: Pattern, chain: list[int], channels: int) -> Blur | None:
    """The depthwise filter, the same for every channel, that alone reads the chain, which then takes it."""
    reader = p.only_reader(chain[-1], "Pad", "Conv")
    found = None if reader is None else _padded_conv(p, reader)
    if found is None or found[0].source != p.nodes[chain[-1]].outputs[0]:
        return None
    conv, nodes = found
    taps = conv.weights[0, 0]
    same = conv.is_depthwise and conv.groups == channels and bool((conv.weights[:, 0] == taps).all())
    inside = max(conv.padding.left, conv.padding.right) <= len(taps) // 2
    if not same or not inside or conv.dilation != 1 or (conv.bias is not None and conv.bias.any()):
        return None
    chain.extend(nodes)
    return Blur(taps=taps, stride=conv.stride, padding=conv.padding)
