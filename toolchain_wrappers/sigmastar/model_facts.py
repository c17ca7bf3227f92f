"""What the checks of an ini need to know of the ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from board_runner.contract import TensorSpec

if TYPE_CHECKING:  # the record is of use without onnx
    from board_runner.graph import Graph


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """Inputs and outputs in the model's order, and the first inputs of its convolutions in graph order."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    conv_inputs: tuple[str, ...] = ()


def of(graph: Graph) -> ModelFacts:
    """The facts of a loaded ONNX."""
    convolutions = [node for node in graph.nodes if node.op_type == "Conv"]
    return ModelFacts(
        inputs=graph.inputs,
        outputs=graph.outputs,
        conv_inputs=tuple(dict.fromkeys(node.inputs[0] for node in convolutions)),
    )
