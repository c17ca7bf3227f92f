"""The quantised graph: QuantizeLinear and DequantizeLinear around every operator, at opset 21.

Names: a node's own result becomes `T/raw`, its levels `T/q`, and `T` is what they stand for. A convolution
in 8 bits reads `T/u8`, the levels of `T` narrowed to uint8.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from board_runner.contract import Array
from board_runner.graph import STAGE_KEY, Graph, Node
from board_runner.quant.levels import asymmetric, constant, symmetric
from board_runner.quant.ranges import MOVES
from board_runner.quant.scheme import Scheme

SOFTMAX_SCALE = 2.0**-15
PARAMETERS = frozenset(["LayerNormalization", "BatchNormalization", "Clip", "ReduceMean", "ReduceSum"])
"""Operators whose constants stay as they are: they become those of an instruction."""


@dataclass(kw_only=True)
class _Writer:
    scheme: Scheme
    constants: dict[str, Array]
    kept: dict[str, Array] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    scales: dict[str, np.float32] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def pair(self, source: str, name: str, label: str, scale: np.float32, zero: Array) -> None:
        """source -> label (levels) -> name (what they stand for)."""
        self.kept[f"{label}/scale"], self.kept[f"{label}/zero"] = np.asarray(scale), zero
        parameters = (f"{label}/scale", f"{label}/zero")
        self.add("QuantizeLinear", (source, *parameters), label)
        self.add("DequantizeLinear", (label, *parameters), name)

    def add(self, op: str, inputs: tuple[str, ...], output: str, **attributes: int) -> None:
        self.nodes.append(
            Node(op_type=op, name=output, inputs=inputs, outputs=(output,), attributes=attributes)
        )

    def constant(self, name: str, *, bits: int = 16, axis: int | None = None) -> str:
        """A constant as levels and their scale, symmetric; gives the name of what they stand for."""
        label = f"{name}/i{bits}" if axis is None else f"{name}/i{bits}.{axis}"
        if f"{label}/q" not in self.kept:
            tops = self.scheme.tops.get((name, bits)) if axis == 0 else None
            levels, scale = constant(self.constants[name], bits=bits, axis=axis, tops=tops)
            dtype = np.dtype(f"int{bits}")
            self.kept[f"{label}/q"], self.kept[f"{label}/scale"] = levels, scale
            self.kept[f"{label}/zero"] = np.zeros(scale.shape, dtype)
            attributes = {} if axis is None else {"axis": axis}
            self.add(
                "DequantizeLinear", (f"{label}/q", f"{label}/scale", f"{label}/zero"), label, **attributes
            )
        return label

    def narrow(self, name: str) -> str:
        """`name` in 8 bits, asymmetric, zero exactly representable."""
        label = f"{name}/u8"
        if f"{label}/q/zero" not in self.kept:
            scale, zero = asymmetric(self.scheme.narrow[name])
            self.pair(self.names.get(name, name), label, f"{label}/q", scale, np.asarray(zero, np.uint8))
        return label


def quantised(graph: Graph, scheme: Scheme) -> Graph:
    """The rewritten float `graph` with every tensor quantised as the scheme says."""
    writer = _Writer(scheme=scheme, constants={**graph.initializers, **scheme.constants})
    for spec in graph.inputs:
        scale = symmetric(scheme.ranges[spec.name])
        writer.scales[spec.name], writer.names[spec.name] = scale, f"{spec.name}/dq"
        writer.pair(spec.name, f"{spec.name}/dq", f"{spec.name}/q", scale, np.zeros((), np.int16))
    for node in graph.nodes:
        (out,) = node.outputs
        inputs = _inputs(writer, node)
        writer.nodes.append(replace(node, inputs=inputs, outputs=(f"{out}/raw",)))
        writer.scales[out] = _scale_of(writer, node)
        writer.pair(f"{out}/raw", out, f"{out}/q", writer.scales[out], np.zeros((), np.int16))
    metadata = {**graph.metadata, STAGE_KEY: "fixed"}
    return replace(graph, nodes=tuple(writer.nodes), initializers=writer.kept, metadata=metadata)


def _scale_of(writer: _Writer, node: Node) -> np.float32:
    if node.op_type in MOVES:
        return writer.scales[node.inputs[0]]
    if node.op_type == "Softmax":
        return np.float32(SOFTMAX_SCALE)
    return symmetric(writer.scheme.ranges[node.outputs[0]])


def _inputs(writer: _Writer, node: Node) -> tuple[str, ...]:
    constants = writer.constants
    data, *rest = node.inputs
    if node.op_type == "Conv":
        wide = writer.scheme.bits(node) == 16
        source = writer.names.get(data, data) if wide else writer.narrow(data)
        weight = writer.constant(rest[0], bits=16 if wide else 8, axis=0)
        return (source, weight, *(_plain(writer, name) for name in rest[1:]))
    if node.op_type == "Gemm" and rest[0] in constants:
        weight = writer.constant(rest[0], axis=0 if node.attributes.get("transB") else 1)
        return (writer.names.get(data, data), weight, *(_plain(writer, name) for name in rest[1:]))
    if node.op_type == "MatMul" and rest[0] in constants:
        return (writer.names.get(data, data), writer.constant(rest[0], axis=constants[rest[0]].ndim - 1))
    keeps = node.op_type in MOVES or node.op_type in PARAMETERS
    given = []
    for index, name in enumerate(node.inputs):
        if name not in constants:
            given.append(writer.names.get(name, name))
        elif keeps or _is_factor(node, index, constants[name]):
            given.append(_plain(writer, name))
        else:
            given.append(writer.constant(name))
    return tuple(given)


def _is_factor(node: Node, index: int, value: Array) -> bool:
    """Whether a constant is one number that a tensor is multiplied or divided by."""
    return value.size == 1 and (node.op_type == "Mul" or (node.op_type == "Div" and index == 1))


def _plain(writer: _Writer, name: str) -> str:
    if name:
        writer.kept[name] = writer.constants[name]
    return name
