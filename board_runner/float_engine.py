"""Run a float ONNX graph in numpy."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from board_runner.contract import Array, Tensors
from board_runner.errors import ModelError
from board_runner.graph import Graph
from board_runner.plan.fuse import fused as plan
from board_runner.plan.program import per_op


class FloatEngine:
    """An `Engine` over numpy. `fused` runs the load-time plan; without it, one function a node.

    Raises ModelError at construction for an operator that the runner lacks, by its name. The plan's buffers
    belong to the engine: run one engine from one thread at a time.
    """

    def __init__(self, graph: Graph, *, fused: bool = True) -> None:
        self.graph = graph
        self.inputs = graph.inputs
        self.outputs = graph.outputs
        keep = tuple(spec.name for spec in graph.outputs)
        self._program = plan(graph, keep) if fused else per_op(graph, keep)

    @classmethod
    def load(cls, path: Path) -> FloatEngine:
        """Load an `.onnx` file or a `*_float.sim`; raises ModelError."""
        graph = Graph.load(path)
        try:
            return cls(graph)
        except ModelError as e:
            raise ModelError(f"{path}: {e}", hint=e.hint) from e

    def run(self, inputs: Tensors) -> dict[str, Array]:
        """Outputs by name, arrays of the caller's own; raises ModelError for inputs not the model's."""
        values = self._program.run(self._checked(inputs))
        return {spec.name: np.array(values[spec.name]) for spec in self.outputs}

    def intermediates(self, inputs: Tensors, names: Collection[str] | None = None) -> dict[str, Array]:
        """The values called `names`, or all that nodes give, by the path of one function a node.

        Raises ModelError for inputs not the model's and for a name that no node gives.
        """
        given = [name for node in self.graph.nodes for name in node.outputs if name]
        wanted = given if names is None else list(names)
        unknown = sorted(set(wanted) - set(given))
        if unknown:
            raise ModelError(f"the graph has no node output called {unknown[0]!r}")
        values = per_op(self.graph, wanted).run(self._checked(inputs))
        return {name: np.array(values[name]) for name in wanted}

    def _checked(self, inputs: Tensors) -> Tensors:
        expected = {spec.name for spec in self.inputs}
        if set(inputs) != expected:
            raise ModelError(f"the model's inputs are {sorted(expected)}, got {sorted(inputs)}")
        for spec in self.inputs:
            spec.check(inputs[spec.name])
        return inputs
