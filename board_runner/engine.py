"""The one interface behind every stage: torch, onnx, float, fixed, offline and board."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from board_runner.contract import Tensors, TensorSpec
from board_runner.errors import ModelError


class Engine(Protocol):
    """A loaded model. `inputs` and `outputs` state names, dtypes and shapes."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def run(self, inputs: Tensors) -> Tensors:
        """Run once; every output is float32 as the vendor's simulators print it.

        Raises ModelError when a name, dtype or shape is not the model's.
        """
        ...


def load(path: Path) -> Engine:
    """Load one of our own model files: `.onnx` or `*_float.sim`, `*_fixed.sim`, `.img`.

    The kind is read from the content, not from the name. Raises ModelError.
    """
    # Imported here: the path of an eat.img must not need the onnx package.
    from board_runner.integer import container

    if container.is_image(path):
        from board_runner.integer.engine import OfflineEngine

        return OfflineEngine.load(path)
    from board_runner.graph import DAMAGE, Graph

    graph = Graph.load(path)
    try:
        if graph.is_fixed:
            from board_runner.quant.fixed_engine import FixedEngine

            return FixedEngine(graph)
        from board_runner.float_engine import FloatEngine

        return FloatEngine(graph)
    except DAMAGE as e:  # an attribute of another type or length than its operator has
        raise ModelError(f"{path}: a damaged model ({type(e).__name__}: {e})") from e
