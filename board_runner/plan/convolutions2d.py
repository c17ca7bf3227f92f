"""Find pad + 2-D convolution + activation and replace it by one step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from board_runner.graph import Node
from board_runner.ops.base import Call
from board_runner.ops.windows import per_axis
from board_runner.plan.convolutions import activation
from board_runner.plan.pattern import Match, Pattern
from board_runner.plan.planes import DenseConv2d, DepthwiseConv2d, Geometry


def plane_chain(p: Pattern, position: int) -> Match | None:
    """A chain that begins with a Conv of planes at `position`, or with the Pad of zeros that it alone reads."""
    node = p.nodes[position]
    if node.op_type == "Conv":
        return _from_conv(p, [position], None)
    reader = p.only_reader(position, "Conv")
    if node.op_type != "Pad" or reader is None or p.nodes[reader].inputs[0] != node.outputs[0]:
        return None
    pads = _zeros_around(p, node)
    return None if pads is None else _from_conv(p, [position, reader], pads)


def _from_conv(p: Pattern, chain: list[int], before: list[int] | None) -> Match | None:
    node = p.nodes[chain[-1]]
    weights = p.constants.get(node.inputs[1])
    bias_name = node.inputs[2] if len(node.inputs) > 2 else ""
    bias = p.constants.get(bias_name)
    if weights is None or weights.ndim != 4 or weights.dtype != np.float32 or (bias_name and bias is None):
        return None
    geometry = geometry_of(node, weights.shape[2:], before)
    if geometry is None:
        return None
    groups = int(node.attributes.get("group", 1))
    source = p.nodes[chain[0]].inputs[0]
    alpha = activation(p, chain)
    if groups > 1 and groups == len(weights) and weights.shape[1] == 1 and geometry.dilations == (1, 1):
        depthwise = DepthwiseConv2d(taps=weights[:, 0], bias=bias, geometry=geometry, alpha=alpha)
        return p.match(chain, (source,), depthwise)
    dense = DenseConv2d(weights=weights, bias=bias, groups=groups, geometry=geometry, alpha=alpha)
    return p.match(chain, (source,), dense)


def geometry_of(node: Node, kernel: tuple[int, ...], before: list[int] | None) -> Geometry | None:
    """None for pads below 0, which crop, and for a Pad before a convolution that pads too."""
    call = Call(inputs=(), attributes=node.attributes)
    own = per_axis(call, "pads", 4, 0)
    sh, sw = per_axis(call, "strides", 2)
    dh, dw = per_axis(call, "dilations", 2)
    if before is not None:
        if any(own) or call.attr("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
            return None
        call = replace(call, attributes={"pads": before})
    elif min(own) < 0:
        return None
    return Geometry(kernel=(kernel[0], kernel[1]), strides=(sh, sw), dilations=(dh, dw), attributes=call)


def _zeros_around(p: Pattern, node: Node) -> list[int] | None:
    """Top, left, bottom, right of a Pad that puts zeros around the planes of four axes, and does no more."""
    pads = p.ints(node, 1, "pads")
    if pads is None or len(pads) != 8 or len(node.inputs) > 3 or min(pads) < 0 or any(pads[:2] + pads[4:6]):
        return None
    fill = node.inputs[2] if len(node.inputs) > 2 else ""
    value = p.scalar(fill) if fill else node.attributes.get("value", 0.0)
    if node.attributes.get("mode", "constant") != "constant" or value != 0.0:
        return None
    return [pads[2], pads[3], pads[6], pads[7]]
