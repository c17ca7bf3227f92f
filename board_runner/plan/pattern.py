"""Looking for patterns in a graph: who gives a value, who alone reads it, what is constant."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from board_runner.graph import Node
from board_runner.plan.program import Function, Step


@dataclass(frozen=True, kw_only=True)
class Match:
    """Nodes (by index) that one step replaces, and the index at whose place it runs."""

    nodes: frozenset[int]
    position: int
    step: Step


class Pattern:
    """A graph as patterns see it. Values named in `keep` must not disappear into a fused step."""

    def __init__(self, nodes: Sequence[Node], constants: Mapping[str, Array], keep: Collection[str]) -> None:
        self.nodes = nodes
        self.constants = constants
        self._keep = frozenset(keep)
        self._readers: dict[str, list[int]] = {}
        self._giver: dict[str, int] = {}
        for i, node in enumerate(nodes):
            for name in node.inputs:
                self._readers.setdefault(name, []).append(i)
            self._giver.update(dict.fromkeys(node.outputs, i))

    def giver(self, name: str) -> int | None:
        """Index of the node that gives `name`."""
        return self._giver.get(name)

    def readers(self, name: str) -> list[int]:
        """Indices of the nodes that read `name`, once for each time it is read."""
        return [] if name in self._keep else self._readers.get(name, [])

    def only_reader(self, position: int, *op_types: str) -> int | None:
        """The node that alone reads node `position`'s output, if it is one of `op_types`."""
        readers = self.readers(self.nodes[position].outputs[0])
        if len(readers) == 1 and self.nodes[readers[0]].op_type in op_types:
            return readers[0]
        return None

    def scalar(self, name: str) -> float | None:
        """The value of a constant of one element."""
        value = self.constants.get(name)
        return float(value.item()) if value is not None and value.size == 1 else None

    def ints(self, node: Node, index: int, name: str) -> list[int] | None:
        """Whole numbers from constant input `index` or attribute `name`; None where not known."""
        if index < len(node.inputs) and node.inputs[index]:
            value = self.constants.get(node.inputs[index])
            return None if value is None else [int(v) for v in value.ravel()]
        listed = node.attributes.get(name)
        return None if listed is None else [int(v) for v in np.atleast_1d(listed)]

    def other_input(self, position: int, name: str) -> str | None:
        """The input of a two-input node that is not `name`."""
        inputs = self.nodes[position].inputs
        return inputs[1 - inputs.index(name)] if len(inputs) == 2 and name in inputs else None

    def match(self, chain: Sequence[int], inputs: Sequence[str], function: Function) -> Match:
        """A match of the nodes `chain`, run at the place of the last: all its inputs exist there."""
        ordered = sorted(chain)
        names = ", ".join(self.nodes[i].name for i in ordered)
        step = Step(
            label=f"fused nodes {names}",
            inputs=tuple(inputs),
            outputs=self.nodes[chain[-1]].outputs[:1],
            function=function,
        )
        return Match(nodes=frozenset(chain), position=ordered[-1], step=step)
