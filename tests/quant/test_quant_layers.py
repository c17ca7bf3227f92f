"""`*_fixed.sim` in ONNX Runtime layer by layer, each fed with what the simulator itself gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from board_runner.contract import Array, Tensors
from board_runner.graph import Graph
from board_runner.integer.engine import real
from board_runner.integer.program import Value
from board_runner.quant.fixed_engine import FixedEngine
from tests.quant.conftest import Converted


def _cut_apart(path: Path) -> onnx.ModelProto:
    """The model with every layer on its own: what a layer reads is an input, its levels are an output."""
    model = onnx.load(str(path))
    quantised = {node.output[0]: node for node in model.graph.node if node.op_type == "QuantizeLinear"}
    for node in [n for n in model.graph.node if n.op_type == "DequantizeLinear" and n.input[0] in quantised]:
        model.graph.node.remove(node)
        real = onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, None)
        model.graph.input.append(real)
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in quantised)
    return model


def _simulated(engine: FixedEngine, sample: Tensors) -> Iterator[tuple[str, Array, Value]]:
    """Name, levels and scale of all that the simulator quantises; `T/u8` is `T` narrowed to uint8."""
    names: dict[int, str] = {}
    for step, levels in engine.trace(sample):
        names[step.output] = step.name or f"{names[step.inputs[0]]}/u8"
        if step.op != "constant":
            yield names[step.output], levels.copy(), engine.program.values[step.output]


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


@pytest.mark.parametrize("form", ["fixed", "fixed16"])
def test_every_layer_is_within_one_level_of_onnxruntime(converted: Converted, form: str) -> None:
    """Another runtime in float32, optimisations off, one layer at a time: at most one level apart.

    Both round nearly the same real number to a level: theirs comes from float32 sums, ours is at most the
    bound of docs/arithmetic.md away from it, and ties go up here and to even there.
    """
    path = getattr(converted, form)
    engine, session = FixedEngine(Graph.load(path)), _session(_cut_apart(path))
    names = [output.name for output in session.get_outputs()]
    apart = total = 0
    for sample in converted.samples[:2]:
        simulated = {name: (levels, value) for name, levels, value in _simulated(engine, sample)}
        reals = {name: real(value, levels) for name, (levels, value) in simulated.items()}
        given = {spec.name: reals[spec.name.removesuffix("/dq")] for spec in session.get_inputs()[1:]}
        for name, theirs in zip(names, session.run(names, {**sample, **given}), strict=True):
            difference = np.abs(simulated[name.removesuffix("/q")][0].astype(int) - theirs)
            assert difference.max() <= 1, f"{name}: {difference.max()} levels apart"
            apart, total = apart + int(np.count_nonzero(difference)), total + difference.size
    assert apart < 0.001 * total  # measured: 0.02 % with 8-bit convolutions, 0.03 % with int16
