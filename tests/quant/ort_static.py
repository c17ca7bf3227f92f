"""ONNX Runtime's static quantisation of a model, as near to our scheme as it can be asked for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType
from onnxruntime.quantization import quantize_static as quantize

from board_runner.contract import Array, Tensors
from board_runner.graph import Graph
from board_runner.quant import patterns

Scheme = Literal["conv8", "conv16", "defaults"]


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # the base is untyped
    def __init__(self, samples: Sequence[Tensors]) -> None:
        self._left = iter(samples)

    def get_next(self) -> dict[str, Array] | None:
        """The next sample, None after the last."""
        sample = next(self._left, None)
        return None if sample is None else dict(sample)


def write_static(onnx_path: Path, out: Path, samples: Sequence[Tensors], scheme: Scheme) -> None:
    """Quantise with min/max calibration on `samples`.

    `conv8`: every tensor int16 symmetric; inputs of convolutions uint8 asymmetric beside, their weights int8 a
    scale an output channel; other weights int16 a scale a channel. `conv16`: the convolutions int16 too. Both on
    the graph our quantiser works on, with layer normalisation and GELU as one operator. `defaults`: the shipped
    file and nothing chosen (int8 activations and weights, one scale a tensor).
    """
    logging.getLogger().setLevel(logging.ERROR)  # it advises on pre-processing at every call
    options: dict[str, Any] = {"quant_format": QuantFormat.QDQ, "calibrate_method": CalibrationMethod.MinMax}
    source = onnx_path
    if scheme != "defaults":
        graph = patterns.rewrite(Graph.load(onnx_path))
        source = out.with_suffix(".rewritten.onnx")
        graph.save(source)
        options |= {
            "activation_type": QuantType.QInt16,
            "weight_type": QuantType.QInt16,
            "per_channel": True,
            "op_types_to_quantize": sorted({node.op_type for node in graph.nodes}),
            "extra_options": {
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "TensorQuantOverrides": _overrides(graph) if scheme == "conv8" else {},
            },
        }
    quantize(str(source), str(out), _Reader(samples), **options)


def _overrides(graph: Graph) -> dict[str, list[dict[str, Any]]]:
    """8 bits for what convolutions read: beside the int16 of a tensor, and instead of it for weights."""
    overrides: dict[str, list[dict[str, Any]]] = {}
    readers: dict[str, set[str]] = {}
    for node in graph.nodes:
        if node.op_type == "Conv":
            readers.setdefault(node.inputs[0], set()).add(node.name)
            weight: dict[str, Any] = {"quant_type": QuantType.QInt8, "axis": 0, "symmetric": True}
            overrides[node.inputs[1]] = [weight]
    for name, nodes in readers.items():
        narrow = {"quant_type": QuantType.QUInt8, "symmetric": False, "recv_nodes": nodes}
        overrides[name] = [{"quant_type": QuantType.QInt16, "symmetric": True, "convert": narrow}]
    return overrides


def outputs(path: Path, samples: Sequence[Tensors]) -> Array:
    """The first output of each sample, one below another: optimisations off, one thread."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, dict(sample))[0] for sample in samples])
