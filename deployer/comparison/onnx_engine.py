"""The ONNX model itself as a stage, in ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from board_runner.contract import Array, Tensors
from board_runner.engine import Engine


@dataclass(frozen=True, kw_only=True)
class OnnxMaker:
    """ONNX Runtime where it is installed, else our own interpreter."""

    path: Path

    def __call__(self) -> Engine:
        try:
            return OrtEngine(self.path)
        except ImportError:
            from board_runner.float_engine import FloatEngine

            return FloatEngine.load(self.path)

    @property
    def detail(self) -> str:
        """Which of them it is."""
        try:
            import onnxruntime
        except ImportError:
            return "deploy's own interpreter (onnxruntime is not installed)"
        return f"ONNX Runtime {onnxruntime.__version__}"


class OrtEngine:
    """An `Engine` over ONNX Runtime on the CPU, one thread."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        from board_runner.graph import Graph

        graph = Graph.load(path)
        self.inputs, self.outputs = graph.inputs, graph.outputs
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, inputs: Tensors) -> dict[str, Array]:
        """Outputs by name. Raises ModelError for inputs not the model's."""
        for spec in self.inputs:
            spec.check(inputs[spec.name])
        names = [spec.name for spec in self.outputs]
        values = self._session.run(names, dict(inputs))
        return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}
