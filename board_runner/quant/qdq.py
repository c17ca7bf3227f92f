"""The quantised graph: QuantizeLinear and DequantizeLinear around every operator, at opset 21.

Names: a node's own result becomes `T/raw`, its levels `T/q`, and `T` is what they stand for. A convolution
in 8 bits reads `T/u8`, the levels of `T` narrowed to uint8.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from board_runner.contract import Array
from board_runner.graph import STAGE_KEY, Graph, Node
from board_runner.quant.ranges import Ranges
from board_runner.quant.settings import QuantSettings

MOVES = frozenset(["Gather", "Identity", "Pad", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten"])
"""Operators whose output keeps the scale of their input."""

SOFTMAX_SCALE = 2.0**-15


@dataclass(kw_only=True)
class _Writer:
    ranges: Ranges
    settings: QuantSettings
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
            value = self.constants[name].astype(np.float32)
            others = tuple(a for a in range(value.ndim) if a != axis)
            top = np.float32(2 ** (bits - 1) - 1)
            scale = _positive(np.abs(value).max(axis=others if axis is not None else None) / top)
            shape = [-1 if a == axis else 1 for a in range(value.ndim)] if axis is not None else ()
            levels = np.clip(np.rint(value / scale.reshape(shape)), -top, top)
            dtype = np.dtype(f"int{bits}")
            self.kept[f"{label}/q"], self.kept[f"{label}/scale"] = levels.astype(dtype), scale
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
            low, high = self.ranges[name]
            low, high = min(low, 0.0), max(high, 0.0)
            scale = _positive(np.float32((high - low) / 255))
            zero = np.asarray(np.clip(np.rint(-low / float(scale)), 0, 255), np.uint8)
            self.pair(self.names.get(name, name), label, f"{label}/q", np.float32(scale), zero)
        return label


def _positive(scale: Array | np.float32) -> Array:
    """float32 scales, 1 where everything is zero."""
    scale = np.asarray(scale, np.float32)
    return np.where(scale > np.float32(1e-30), scale, np.float32(1))


def quantised(graph: Graph, ranges: Ranges, settings: QuantSettings) -> Graph:
    """The rewritten float `graph` with every tensor quantised over its range."""
    writer = _Writer(ranges=ranges, settings=settings, constants=dict(graph.initializers))
    for spec in graph.inputs:
        scale = _symmetric(ranges[spec.name])
        writer.scales[spec.name], writer.names[spec.name] = scale, f"{spec.name}/dq"
        writer.pair(spec.name, f"{spec.name}/dq", f"{spec.name}/q", scale, np.zeros((), np.int16))
    seen_conv = False
    for node in graph.nodes:
        (out,) = node.outputs
        inputs = _inputs(writer, node, first=not seen_conv)
        seen_conv |= node.op_type == "Conv"
        writer.nodes.append(replace(node, inputs=inputs, outputs=(f"{out}/raw",)))
        writer.scales[out] = _scale_of(writer, node)
        writer.pair(f"{out}/raw", out, f"{out}/q", writer.scales[out], np.zeros((), np.int16))
    metadata = {**graph.metadata, STAGE_KEY: "fixed"}
    return replace(graph, nodes=tuple(writer.nodes), initializers=writer.kept, metadata=metadata)


def _symmetric(limits: tuple[float, float]) -> np.float32:
    return np.float32(_positive(np.float32(max(abs(limits[0]), abs(limits[1])) / 32767)))


def _scale_of(writer: _Writer, node: Node) -> np.float32:
    if node.op_type in MOVES:
        return writer.scales[node.inputs[0]]
    if node.op_type == "Softmax":
        return np.float32(SOFTMAX_SCALE)
    return _symmetric(writer.ranges[node.outputs[0]])


def _inputs(writer: _Writer, node: Node, *, first: bool) -> tuple[str, ...]:
    constants, settings = writer.constants, writer.settings
    data, *rest = node.inputs
    if node.op_type == "Conv":
        wide = settings.conv_bits == 16 or (data in settings.int16_inputs and not first)
        source = writer.names.get(data, data) if wide else writer.narrow(data)
        weight = writer.constant(rest[0], bits=16 if wide else 8, axis=0)
        return (source, weight, *(_plain(writer, name) for name in rest[1:]))
    if node.op_type == "Gemm" and rest[0] in constants:
        weight = writer.constant(rest[0], axis=0 if node.attributes.get("transB") else 1)
        return (writer.names.get(data, data), weight, *(_plain(writer, name) for name in rest[1:]))
    if node.op_type == "MatMul" and rest[0] in constants:
        return (writer.names.get(data, data), writer.constant(rest[0], axis=constants[rest[0]].ndim - 1))
    keeps = node.op_type in MOVES or node.op_type == "LayerNormalization"
    given = []
    for name in node.inputs:
        if name not in constants:
            given.append(writer.names.get(name, name))
        elif keeps or (node.op_type == "Mul" and constants[name].size == 1):
            given.append(_plain(writer, name))
        else:
            given.append(writer.constant(name))
    return tuple(given)


def _plain(writer: _Writer, name: str) -> str:
    if name:
        writer.kept[name] = writer.constants[name]
    return name
