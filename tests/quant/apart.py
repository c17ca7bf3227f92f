"""How many levels ONNX Runtime's layers lie beside the simulator's, each fed with the simulator's own input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from board_runner.contract import Array, Tensors
from board_runner.graph import Graph
from board_runner.integer.engine import real
from board_runner.integer.program import Value
from board_runner.quant.fixed_engine import FixedEngine


def shares(path: Path, samples: Sequence[Tensors]) -> tuple[float, dict[str, int]]:
    """The share of levels that differ over all layers and samples, and by layer the largest difference.

    Optimisations off, one thread; names are those of `T/q` and `T/u8/q` in the file.
    """
    engine, session = FixedEngine(Graph.load(path)), _session(_cut_apart(path))
    names = [output.name for output in session.get_outputs()]
    wanted = {spec.name for spec in session.get_inputs()}
    apart = total = 0
    worst: dict[str, int] = dict.fromkeys(names, 0)
    for sample in samples:
        simulated = {name: (levels, value) for name, levels, value in _simulated(engine, sample)}
        reals = {name: real(value, levels) for name, (levels, value) in simulated.items()}
        given = {name: reals[name.removesuffix("/dq")] for name in wanted - set(sample)}
        for name, theirs in zip(names, session.run(names, {**sample, **given}), strict=True):
            difference = np.abs(simulated[name.removesuffix("/q")][0].astype(int) - theirs)
            worst[name] = max(worst[name], int(difference.max()))
            apart, total = apart + int(np.count_nonzero(difference)), total + difference.size
    return apart / total, worst


def _cut_apart(path: Path) -> onnx.ModelProto:
    """The model with every layer on its own: what a layer reads is an input, its levels are an output."""
    model = onnx.load(str(path))
    quantised = {node.output[0]: node for node in model.graph.node if node.op_type == "QuantizeLinear"}
    for node in [n for n in model.graph.node if n.op_type == "DequantizeLinear" and n.input[0] in quantised]:
        model.graph.node.remove(node)
        given = onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, None)
        model.graph.input.append(given)
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in quantised)
    return model


def _simulated(engine: FixedEngine, sample: Tensors) -> Iterator[tuple[str, Array, Value]]:
    """Name, levels and scale of all that the simulator quantises; `T/u8` is `T` narrowed to uint8."""
    names: dict[int, str] = {}
    for step, levels in engine.trace(sample):
        if step.name or step.op == "narrow":
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
