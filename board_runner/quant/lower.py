"""A quantised graph -> the integer program. Every constant comes from the graph's own scales."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.graph import Graph, Node
from board_runner.quant import shapes
from board_runner.quant.lower_ops import LOWER, Sites, elementwise
from board_runner.quant.program import Instruction, Program, Value


class Lowering:
    """The program as it grows: `levels` maps a tensor's name to its value, `weights` to stored levels."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.constants = graph.initializers
        self.values: list[Value] = []
        self.instructions: list[Instruction] = []
        self.levels: dict[str, int] = {}
        self.weights: dict[str, tuple[Array, Array]] = {}
        self.quantisers = {n.inputs[0]: n for n in graph.nodes if n.op_type == "QuantizeLinear"}

    def emit(
        self,
        op: str,
        inputs: Sequence[int],
        like: Value,
        *,
        ints: Mapping[str, tuple[int, ...]] | None = None,
        tensors: dict[str, Array] | None = None,
        name: str = "",
    ) -> int:
        """Append an instruction whose output has the type, scale and zero of `like`; gives the value."""
        instruction = Instruction(
            op=op,
            inputs=tuple(inputs),
            output=len(self.values),
            ints=ints or {},
            tensors=tensors or {},
            name=name,
        )
        shape = shapes.infer(instruction, [self.values[i] for i in inputs])
        self.values.append(Value(dtype=like.dtype, shape=shape, scale=like.scale, zero=like.zero))
        self.instructions.append(instruction)
        return len(self.values) - 1

    def parameters(self, node: Node) -> Value:
        """Type, scale and zero point of a quantiser, without a shape."""
        scale, zero = self.constants[node.inputs[1]], self.constants[node.inputs[2]]
        if scale.size != 1 or zero.size != 1 or not (float(scale) > 0 and math.isfinite(float(scale))):
            raise ModelError(f"{node.name}: an activation needs one positive scale and one zero point")
        return Value(dtype=str(zero.dtype), shape=(), scale=float(scale), zero=int(zero))

    def value(self, name: str) -> int:
        """The value that `name` stands for; a stored constant becomes one."""
        if name not in self.levels:
            data, scale = self.weights[name]
            like = Value(dtype="int16", shape=(), scale=float(scale))
            self.levels[name] = self.emit("constant", (), like, tensors={"data": data}, name=name)
        return self.levels[name]


def lower(graph: Graph) -> Program:
    """Raises ModelError for a graph that is not as `write_fixed` writes them."""
    work = Lowering(graph)
    try:
        inputs = []
        for spec in graph.inputs:
            work.values.append(Value(dtype=spec.dtype, shape=spec.shape))
            work.levels[spec.name] = len(work.values) - 1
            inputs.append((spec.name, len(work.values) - 1))
        for node in graph.nodes:
            _node(work, node)
        outputs = tuple((spec.name, work.levels[spec.name]) for spec in graph.outputs)
    except (KeyError, IndexError, TypeError, ValueError) as e:
        raise ModelError(f"not a quantised graph of this converter: {e}") from e
    return Program(
        values=tuple(work.values),
        instructions=tuple(work.instructions),
        inputs=tuple(inputs),
        outputs=outputs,
    )


def _node(work: Lowering, node: Node) -> None:
    (out,) = node.outputs
    if node.op_type == "DequantizeLinear":
        if node.inputs[0] in work.levels:
            work.levels[out] = work.levels[node.inputs[0]]
        else:
            work.weights[out] = (work.constants[node.inputs[0]], work.constants[node.inputs[1]])
        return
    if node.op_type == "QuantizeLinear":
        if out not in work.levels:
            _requantise(work, node)
        return
    if node.op_type not in LOWER:
        raise ModelError(f"{node.name}: operator {node.op_type} has no integer form")
    quantiser = work.quantisers[out]
    like = work.parameters(quantiser)
    work.levels[quantiser.outputs[0]] = LOWER[node.op_type](Sites(work=work, node=node, like=like))


def _requantise(work: Lowering, node: Node) -> None:
    source, like = work.levels[node.inputs[0]], work.parameters(node)
    value = work.values[source]
    if value.dtype == "float32":
        work.levels[node.outputs[0]] = work.emit("quantize", (source,), like, name=node.name)
        return
    constants = elementwise(value.scale / like.scale)
    work.levels[node.outputs[0]] = work.emit("narrow", (source,), like, ints=constants, name=node.name)
