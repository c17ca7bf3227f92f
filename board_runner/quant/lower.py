"""A quantised graph -> the integer program. Every constant comes from the graph's own scales."""

from __future__ import annotations

from board_runner.errors import ModelError
from board_runner.graph import Graph, Node
from board_runner.integer.program import Program, Value
from board_runner.quant.lower_ops import LOWER
from board_runner.quant.lowering import Lowering
from board_runner.quant.sites import Sites, elementwise


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
        work.levels[node.outputs[0]] = work.emit("quantize", (source,), like, name=node.inputs[0])
        return
    constants = elementwise(value.scale / like.scale)
    work.levels[node.outputs[0]] = work.emit("narrow", (source,), like, ints=constants)
