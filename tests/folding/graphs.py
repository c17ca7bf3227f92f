"""Small graphs around batch normalisations, their constants random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from board_runner.contract import Array


class Maker:
    """Collects nodes and constants of one graph; every `Maker` of a seed makes the same numbers."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {}

    def constant(self, name: str, *shape: int) -> str:
        """A float32 constant of that shape."""
        self.constants[name] = self.rng.standard_normal(shape).astype(np.float32)
        return name

    def node(self, op_type: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """A node named as its output."""
        self.nodes.append(helper.make_node(op_type, list(inputs), [output], name=output, **attributes))
        return output

    def norm(self, source: str, output: str, channels: int, epsilon: float = 1e-3) -> str:
        """A batch normalisation with a scale and a mean that are far from 1 and 0."""
        for part in ("scale", "shift", "mean"):
            self.constant(f"{output}.{part}", channels)
        self.constants[f"{output}.scale"] += np.float32(1.5)
        self.constants[f"{output}.variance"] = self.rng.uniform(0.2, 3, channels).astype(np.float32)
        parts = [f"{output}.{part}" for part in ("scale", "shift", "mean", "variance")]
        return self.node("BatchNormalization", [source, *parts], output, epsilon=epsilon)

    def model(
        self, shape: Sequence[int | None], outputs: Mapping[str, int], opset: int = 13
    ) -> onnx.ModelProto:
        """The model with input `x` of `shape` and outputs by name, each with its number of axes."""
        graph = helper.make_graph(
            self.nodes,
            "small",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [
                helper.make_tensor_value_info(n, TensorProto.FLOAT, [None] * rank)
                for n, rank in outputs.items()
            ],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model


def convolution(
    seed: int = 0,
    *,
    op_type: str = "Conv",
    groups: int = 1,
    bias: bool = True,
    rank: int = 2,
    multiplier: int = 2,
    **attributes: Any,
) -> onnx.ModelProto:
    """Input of 6 channels, a convolution of 3 taps an axis to 6 * multiplier channels, normalised."""
    m = Maker(seed)
    out = 6 * multiplier
    shape = (out, 6 // groups) if op_type == "Conv" else (6, out // groups)
    inputs = ["x", m.constant("w", *shape, *[3] * rank)] + ([m.constant("b", out)] if bias else [])
    m.node(op_type, inputs, "conv", group=groups, **attributes)
    m.norm("conv", "bn", out)
    m.node("Relu", ["bn"], "y")
    return m.model((1, 6, *[8] * rank), {"y": rank + 2})
