"""A program: steps in order over named values, dropping each value after its last use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.graph import Graph, Node
from board_runner.ops import OPS, Call

Function: TypeAlias = Callable[[Sequence[Array | None]], Sequence[Array]]
"""Input arrays in, output arrays out; outputs may be buffers that the next run overwrites."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One call: values read and written by name ("" where left out), and who they were in the graph."""

    label: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    function: Function


@dataclass(frozen=True, kw_only=True)
class Program:
    """Steps, constants, and after each step the values that are not needed any more."""

    steps: tuple[Step, ...]
    constants: Mapping[str, Array]
    dead_after: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, steps: Iterable[Step], constants: Mapping[str, Array], keep: Iterable[str]) -> Program:
        """Work out when each value dies; `keep` names those that live to the end."""
        steps = tuple(steps)
        seen = {*keep, *constants, ""}
        dead: list[tuple[str, ...]] = []
        for step in reversed(steps):
            last = tuple(name for name in dict.fromkeys((*step.inputs, *step.outputs)) if name not in seen)
            seen.update(last)
            dead.append(last)
        return cls(steps=steps, constants=constants, dead_after=tuple(reversed(dead)))

    def run(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Every value left at the end, constants too; raises ModelError that names the failing node."""
        alive: dict[str, Array | None] = {**self.constants, **values, "": None}
        # ONNX leaves overflow, 0/0 and log(0) to IEEE arithmetic: no warnings, as in any other runtime.
        with np.errstate(all="ignore"):
            for step, dead in zip(self.steps, self.dead_after, strict=True):
                results = _call(step, [alive[name] for name in step.inputs])
                alive.update(zip(step.outputs, results, strict=False))
                for name in dead:
                    alive.pop(name, None)
        return {name: value for name, value in alive.items() if value is not None}


def _call(step: Step, inputs: Sequence[Array | None]) -> Sequence[Array]:
    try:
        return step.function(inputs)
    except ModelError as e:
        raise ModelError(f"{step.label}: {e}", hint=e.hint) from e
    except (ArithmeticError, LookupError, TypeError, ValueError) as e:
        raise ModelError(f"{step.label}: {e}") from e


def node_step(node: Node, opset: int) -> Step:
    """The step that calls the one function of a node's operator; raises ModelError if there is none."""
    op = OPS.get(node.op_type) if not node.domain else None
    if op is None:
        name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        raise ModelError(
            f"operator {name!r} (node {node.name!r}) is not one the runner has",
            hint=f"export with other operators; it has {', '.join(sorted(OPS))}",
        )
    present = sum(bool(name) for name in node.outputs)

    def function(inputs: Sequence[Array | None]) -> Sequence[Array]:
        result = op(Call(inputs=tuple(inputs), attributes=node.attributes, opset=opset, n_outputs=present))
        return result if isinstance(result, tuple) else (np.asarray(result),)

    return Step(
        label=f"node {node.name!r} ({node.op_type})",
        inputs=node.inputs,
        outputs=node.outputs,
        function=function,
    )


def per_op(graph: Graph, keep: Iterable[str]) -> Program:
    """One step a node, nothing fused or folded: what every other plan is compared with."""
    return Program.of((node_step(node, graph.opset) for node in graph.nodes), graph.initializers, keep)
