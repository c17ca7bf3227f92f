"""State that goes from one run of a graph to the next: who feeds whom, one scale for both, samples by running.

An output `next_X` of the shape of an input `X` is what that input gets with the next run.
"""

from __future__ import annotations

from board_runner.graph import Graph
from board_runner.quant.ranges import MOVES, Ranges

PREFIX = "next_"


def pairs(graph: Graph) -> dict[str, str]:
    """Output -> the input that it feeds, by name and shape; empty for a graph without state."""
    inputs = {spec.name: spec.shape for spec in graph.inputs}
    fed = {
        spec.name: spec.name.removeprefix(PREFIX) for spec in graph.outputs if spec.name.startswith(PREFIX)
    }
    shapes = {spec.name: spec.shape for spec in graph.outputs}
    return {out: name for out, name in fed.items() if inputs.get(name) == shapes[out]}


def answers(graph: Graph) -> list[str]:
    """The outputs that are not state."""
    carried = pairs(graph)
    return [spec.name for spec in graph.outputs if spec.name not in carried]


def groups(graph: Graph) -> list[frozenset[str]]:
    """Tensors that must have one scale, so that state is never rounded on its way round.

    An input, what gives the output that feeds it, and the parts of any concatenation that takes either: what keeps
    its source's scale anyway (moves) stands for its source.
    """
    producers = {name: node for node in graph.nodes for name in node.outputs}

    def root(name: str) -> str:
        while name in producers and producers[name].op_type in MOVES:
            name = producers[name].inputs[0]
        return name

    found: list[frozenset[str]] = []
    joins = [
        frozenset(root(name) for name in (*node.inputs, *node.outputs) if name not in graph.initializers)
        for node in graph.nodes
        if node.op_type == "Concat"
    ]
    for out, name in pairs(graph).items():
        group = frozenset([root(out), name])
        while touching := [join for join in joins if join & group and not join <= group]:
            group = group.union(*touching)
        found = [other for other in found if not other & group] + [
            group.union(*(other for other in found if other & group))
        ]
    return found


def tied(graph: Graph, ranges: Ranges) -> Ranges:
    """The ranges with one for each group: from its smallest value to its largest."""
    changed = dict(ranges)
    for group in groups(graph):
        members = [ranges[name] for name in group if name in ranges]
        whole = (min(low for low, _ in members), max(high for _, high in members))
        changed |= dict.fromkeys((name for name in group if name in ranges), whole)
    return changed
