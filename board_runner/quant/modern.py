"""Nodes of older opsets and with several outputs as opset 21 and one output a node want them."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.graph import Node

AXES = frozenset(["ReduceMean", "ReduceSum", "Squeeze", "Unsqueeze"])
"""Operators whose axes were an attribute once."""


def nodes(node: Node, constants: MutableMapping[str, Array]) -> list[Node]:
    """What `node` is written as; constants that it needs are added. Raises ModelError for a Split without sizes."""
    if node.op_type == "Split":
        return _slices(node, constants)
    if node.op_type in AXES and "axes" in node.attributes:
        name = f"{node.outputs[0]}/axes"
        constants[name] = np.asarray(node.attributes["axes"], np.int64)
        left = {key: value for key, value in node.attributes.items() if key != "axes"}
        return [replace(node, inputs=(node.inputs[0], name), attributes=left)]
    return [node]


def _slices(node: Node, constants: MutableMapping[str, Array]) -> list[Node]:
    sizes = node.attributes.get("split")
    if len(node.inputs) > 1:
        sizes = constants.get(node.inputs[1])
    if sizes is None:
        raise ModelError(f"{node.name}: Split without constant sizes has no integer form")
    ends = np.cumsum(np.asarray(sizes, np.int64))
    made: list[Node] = []
    for output, size, end in zip(node.outputs, sizes, ends, strict=True):
        names = [f"{output}/{part}" for part in ("starts", "ends", "axes")]
        for name, number in zip(names, (end - size, end, node.attributes.get("axis", 0)), strict=True):
            constants[name] = np.asarray([number], np.int64)
        inputs = (node.inputs[0], *names)
        made.append(Node(op_type="Slice", name=f"{node.name}/{len(made)}", inputs=inputs, outputs=(output,)))
    return made
