"""One sample through a float graph, every wanted tensor shown as it arises and forgotten after its last use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from board_runner.contract import Array, Tensors
from board_runner.errors import ModelError
from board_runner.graph import Graph
from board_runner.plan.program import Function, Program, Step, node_step

Samples: TypeAlias = Iterable[Tensors] | Callable[[], Iterable[Tensors]]
"""Calibration samples; for levels with two passes a sequence, or a function that begins anew at each call."""

Visit: TypeAlias = Callable[[str, Array], None]


class Observer:
    """Runs `graph` one function a node and shows the tensors `wanted`, graph inputs first, in node order.

    Memory is that of the values alive at one time. A visitor must not keep or change what it is shown.
    """

    def __init__(self, graph: Graph, wanted: Collection[str]) -> None:
        self._inputs = graph.inputs
        self._wanted = frozenset(wanted)
        self._visit: Visit = _nothing
        steps = (self._shown(node_step(node, graph.opset)) for node in graph.nodes)
        self._program = Program.of(steps, graph.initializers, ())

    def run(self, sample: Tensors, visit: Visit) -> None:
        """Raises ModelError for a sample that is not the model's."""
        for spec in self._inputs:
            if spec.name not in sample:
                raise ModelError(f"a calibration sample has no input {spec.name!r}")
            spec.check(sample[spec.name])
            if spec.name in self._wanted:
                visit(spec.name, sample[spec.name])
        self._visit = visit
        try:
            self._program.run(sample)
        finally:
            self._visit = _nothing

    def _shown(self, step: Step) -> Step:
        if self._wanted.isdisjoint(step.outputs):
            return step
        function: Function = step.function

        def observed(inputs: Sequence[Array | None]) -> Sequence[Array]:
            results = function(inputs)
            for name, value in zip(step.outputs, results, strict=False):
                if name in self._wanted:
                    self._visit(name, value)
            return results

        return replace(step, function=observed)


def each(samples: Samples) -> Iterator[Tensors]:
    """One pass over the samples."""
    return iter(samples() if callable(samples) else samples)


def check_repeatable(samples: Samples) -> None:
    """Raises ModelError for samples that can be gone through only once."""
    if not callable(samples) and iter(samples) is samples:
        raise ModelError(
            "this level goes through the calibration samples twice, and these are an iterator",
            hint="give a sequence, or a function that returns the samples anew",
        )


def _nothing(name: str, value: Array) -> None:
    pass
