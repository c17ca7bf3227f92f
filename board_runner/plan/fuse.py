"""The load-time plan: constants folded, and the node patterns of audio networks replaced by fused steps.

Whatever matches no pattern stays one step a node, so any graph that the runner loads can be planned.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from board_runner.contract import Array
from board_runner.graph import Graph
from board_runner.plan.convolutions import conv_chain
from board_runner.plan.convolutions2d import plane_chain
from board_runner.plan.gates import hard_swish_chain, plane_mean
from board_runner.plan.mixtures import mixture
from board_runner.plan.pattern import Match, Pattern
from board_runner.plan.program import Program, Step, node_step
from board_runner.plan.tensors import decomposed_gelu, decomposed_layer_norm, layer_normalization, sum_chain

PATTERNS: tuple[Callable[[Pattern, int], Match | None], ...] = (
    mixture,
    conv_chain,
    plane_chain,
    layer_normalization,
    decomposed_layer_norm,
    decomposed_gelu,
    sum_chain,
    hard_swish_chain,
    plane_mean,
)
"""Tried in this order at each node; the first that matches takes its nodes."""


def fused(graph: Graph, keep: Collection[str]) -> Program:
    """The fused program of a graph; `keep` names the values wanted at its end.

    Raises ModelError for an operator that the runner lacks.
    """
    steps, constants = _fold(graph)
    nodes = tuple(node for node in graph.nodes if not set(node.outputs) <= {*constants, ""})
    pattern = Pattern(nodes, constants, keep)
    placed: dict[int, Step] = {}
    taken: set[int] = set()
    for position in range(len(nodes)):
        if position in taken:
            continue
        match = _first_match(pattern, position, taken)
        if match is None:
            placed[position] = steps[nodes[position].outputs]
        else:
            taken |= match.nodes
            placed[match.position] = match.step
    return Program.of((placed[i] for i in sorted(placed)), _used(constants, placed.values(), keep), keep)


def _first_match(pattern: Pattern, position: int, taken: Collection[int]) -> Match | None:
    for find in PATTERNS:
        match = find(pattern, position)
        if match is not None and match.nodes.isdisjoint(taken):
            return match
    return None


def _fold(graph: Graph) -> tuple[dict[tuple[str, ...], Step], dict[str, Array]]:
    """A step for every node, and the values known before any input: computed once, here."""
    constants = dict(graph.initializers)
    steps = {node.outputs: node_step(node, graph.opset) for node in graph.nodes}
    for node in graph.nodes:
        if all(name in constants or not name for name in node.inputs):
            known = Program.of([steps[node.outputs]], constants, node.outputs).run({})
            constants.update({name: known[name] for name in node.outputs if name})
    return steps, constants


def _used(constants: dict[str, Array], steps: Iterable[Step], keep: Collection[str]) -> dict[str, Array]:
    """Only the constants that some step still reads: fused steps hold theirs."""
    wanted = {name for step in steps for name in step.inputs} | set(keep)
    return {name: value for name, value in constants.items() if name in wanted}
