"""ONNX Runtime as the reference, on one thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from board_runner.contract import Array, Tensors
from board_runner.graph import Graph

Reference: TypeAlias = Callable[[Graph, Tensors], dict[str, Array]]


@pytest.fixture(scope="session")
def reference() -> Reference:
    """Runs a graph in ONNX Runtime: outputs by name."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3

    def run(graph: Graph, inputs: Tensors) -> dict[str, Array]:
        session = onnxruntime.InferenceSession(
            graph.to_onnx().SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        names = [spec.name for spec in graph.outputs]
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))

    return run
