"""A float graph rewritten at opset 21, with layer normalisations and GELUs as the one operator they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.graph import Graph, Node
from board_runner.quant import modern
from board_runner.quant.lower_ops import LOWER

OPSET = 21


def rewrite(graph: Graph) -> Graph:
    """Names of tensors stay. Raises ModelError for an operator that has no integer form yet."""
    _check_inputs(graph)
    constants = dict(graph.initializers)
    constants.update(
        {n.outputs[0]: np.asarray(n.attributes["value"]) for n in graph.nodes if _is_constant(n)}
    )
    kept_nodes = [node for node in graph.nodes if not _is_constant(node)]
    nodes = [new for node in kept_nodes for new in modern.nodes(node, constants)]
    producers = {name: node for node in nodes for name in node.outputs}
    replaced: dict[str, Node] = {}
    for node in nodes:
        fused = _layer_norm(node, producers, constants) or _gelu(node, producers, constants)
        if fused is not None:
            replaced[node.outputs[0]] = fused
    outputs = [spec.name for spec in graph.outputs]
    live = _live([replaced.get(n.outputs[0], n) for n in nodes], outputs)
    live = _live(_bare_layer_norms(graph, live, producers, constants), outputs)
    for node in live:
        if node.op_type not in LOWER or node.domain:
            raise ModelError(f"{node.name}: operator {node.op_type} has no integer form")
    used = {name for node in live for name in node.inputs}
    kept = {name: value for name, value in constants.items() if name in used}
    return replace(graph, nodes=tuple(live), initializers=kept, opset=OPSET)


def _check_inputs(graph: Graph) -> None:
    for spec in graph.inputs:
        if spec.dtype != "float32" or min(spec.shape, default=1) < 1:
            raise ModelError(
                f"input {spec.name!r} is {spec.dtype}{list(spec.shape)}: the integer program has inputs of float32 "
                "and of fixed sizes only",
                hint="export the model at the sizes that it will run at",
            )


def _is_constant(node: Node) -> bool:
    return node.op_type == "Constant" and "value" in node.attributes


def _live(nodes: list[Node], outputs: Iterable[str]) -> list[Node]:
    needed, live = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
            live.append(node)
    return live[::-1]


def _walk(name: str, kinds: str, producers: dict[str, Node]) -> list[Node] | None:
    """The producers from `name` back through first inputs, if their operators are `kinds`."""
    found = []
    for kind in kinds.split():
        node = producers.get(name)
        if node is None or node.op_type != kind:
            return None
        found.append(node)
        name = node.inputs[0]
    return found


def _scalar(name: str, constants: dict[str, Array]) -> float | None:
    value = constants.get(name)
    return float(value.ravel()[0]) if value is not None and value.size == 1 else None


def _axes(node: Node, constants: dict[str, Array]) -> list[int]:
    axes = constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
    return [] if axes is None else [int(axis) for axis in axes.ravel()]


@dataclass(frozen=True, kw_only=True)
class _Normalised:
    """(x - mean) / sqrt(var + epsilon) along the last axis."""

    x: str
    epsilon: float


def _normalised(
    quotient: Node, producers: dict[str, Node], constants: dict[str, Array]
) -> _Normalised | None:
    """What the Div `quotient` is, if it is that."""
    chain = _walk(quotient.outputs[0], "Div Sub", producers)
    below = None if chain is None else _walk(quotient.inputs[1], "Sqrt Add ReduceMean Pow Sub", producers)
    if chain is None or below is None or below[4] is not chain[1]:
        return None
    centred = chain[1]
    mean = producers.get(centred.inputs[1])
    epsilon, power = _scalar(below[1].inputs[1], constants), _scalar(below[3].inputs[1], constants)
    if mean is None or mean.op_type != "ReduceMean" or mean.inputs[0] != centred.inputs[0]:
        return None
    last = all(_axes(m, constants) == [-1] for m in (mean, below[2]))
    if epsilon is None or power != 2 or not last:
        return None
    return _Normalised(x=centred.inputs[0], epsilon=epsilon)


def _layer_norm(node: Node, producers: dict[str, Node], constants: dict[str, Array]) -> Node | None:
    """That, times a gain, plus an offset, as PyTorch's exporter writes it; one of these may be missing."""
    for kinds in ("Add Mul Div", "Mul Div", "Add Div"):
        chain = _walk(node.outputs[0], kinds, producers)
        if chain is None or any(step.inputs[1] not in constants for step in chain[:-1]):
            continue
        given = {step.op_type: step.inputs[1] for step in chain[:-1]}
        size = constants[chain[0].inputs[1]].shape
        found = _normalised(chain[-1], producers, constants)
        if found is not None and len(size) == 1:
            return _as_one(node, found, constants, size[0], given)
    return None


def _bare_layer_norms(
    graph: Graph, live: list[Node], producers: dict[str, Node], constants: dict[str, Array]
) -> list[Node]:
    """The nodes with those normalisations as one operator that have neither gain nor offset.

    A simplifier leaves out gains of ones and offsets of zeros, which every untrained network has.
    """
    found = {n.outputs[0]: _normalised(n, producers, constants) for n in live if n.op_type == "Div"}
    if not any(found.values()):
        return live
    shapes = graph.shapes()
    made = []
    for node in live:
        norm = found.get(node.outputs[0])
        size = shapes.get(norm.x, ())[-1:] if norm is not None else ()
        made.append(node if norm is None or not size else _as_one(node, norm, constants, size[0], {}))
    return made


def _as_one(
    node: Node, norm: _Normalised, constants: dict[str, Array], size: int, given: Mapping[str, str]
) -> Node:
    """LayerNormalization in place of `node`; what is not `given` of Mul and Add changes nothing."""
    names = dict(given)
    for kind, value in (("Mul", np.ones(size, np.float32)), ("Add", np.zeros(size, np.float32))):
        if kind not in names:
            names[kind] = f"{node.outputs[0]}/{kind}"
            constants[names[kind]] = value
    return replace(
        node,
        op_type="LayerNormalization",
        inputs=(norm.x, names["Mul"], names["Add"]),
        attributes={"axis": -1, "epsilon": norm.epsilon},
    )


def _gelu(node: Node, producers: dict[str, Node], constants: dict[str, Array]) -> Node | None:
    """x (1 + erf(x / sqrt 2)) / 2 as PyTorch's exporter writes it."""
    outer = _walk(node.outputs[0], "Mul Mul", producers)
    if outer is None or _scalar(node.inputs[1], constants) != 0.5:
        return None
    x, inner = outer[1].inputs[0], outer[1].inputs[1]
    chain = _walk(inner, "Add Erf Div", producers)
    if chain is None or chain[2].inputs[0] != x or _scalar(chain[0].inputs[1], constants) != 1:
        return None
    divisor = _scalar(chain[2].inputs[1], constants)
    if divisor is None or abs(divisor - 2**0.5) > 1e-5:
        return None
    return replace(node, op_type="Gelu", inputs=(x,), attributes={})
