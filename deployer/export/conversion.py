"""The steps from network to ONNX: trace, simplify, store the contract."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import onnx
import onnxsim
import torch

from board_runner.contract import METADATA_KEY, InputContract, TensorSpec
from board_runner.errors import ModelError
from board_runner.models import eat
from deployer.export import traps
from deployer.export.checkpoint import Checkpoint
from deployer.export.sources import Source
from deployer.folding.graph import fold_graph

OPSET = 13
INPUT, OUTPUT = "images", "output"


def contract_of(checkpoint: Checkpoint) -> InputContract:
    """What the exported model expects and gives: one clip of (1, 1, samples), logits (1, classes)."""
    shape = checkpoint.network.shape
    return InputContract(
        model="eat",
        sample_rate_hz=checkpoint.sample_rate_hz,
        inputs=(TensorSpec(name=INPUT, dtype="float32", shape=(1, 1, shape.samples)),),
        outputs=(TensorSpec(name=OUTPUT, dtype="float32", shape=(1, shape.classes)),),
        front_end={"samples": shape.samples, "peak": eat.PEAK},
    )


def trace(
    source: Source | Checkpoint, contract: InputContract, *, keep_norms: bool = False
) -> tuple[onnx.ModelProto, Sequence[str]]:
    """The network as an ONNX model at `OPSET`, and what the exporter warned of.

    With `keep_norms` every batch normalisation and the name of every weight stay as in the network.

    The exporter that traces is asked for by name: its successor answers a request for opset 13 with opset 18.
    Raises ModelError when the exporter cannot.
    """
    example = torch.zeros(contract.inputs[0].shape)
    written = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            torch.onnx.export(
                source.network,
                (example,),
                written,
                opset_version=OPSET,
                dynamo=False,
                training=torch.onnx.TrainingMode.PRESERVE if keep_norms else torch.onnx.TrainingMode.EVAL,
                do_constant_folding=not keep_norms,
                input_names=[spec.name for spec in contract.inputs],
                output_names=[spec.name for spec in contract.outputs],
            )
        except Exception as e:  # the exporter translates none of its own failures
            raise ModelError(
                f"{source.folder}: PyTorch could not export the network: {e}", hint=traps.cure(e)
            ) from e
    model = onnx.load_model_from_string(written.getvalue())
    _set_output_shapes(model, contract)
    return model, list(dict.fromkeys(str(warning.message) for warning in caught))


def _set_output_shapes(model: onnx.ModelProto, contract: InputContract) -> None:
    """Tracing leaves a symbol for the batch of a Gemm's output, though the model is static."""
    for value, spec in zip(model.graph.output, contract.outputs, strict=True):
        for dim, size in zip(value.type.tensor_type.shape.dim, spec.shape, strict=True):
            if not dim.HasField("dim_value"):
                dim.dim_value = size


def simplify(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same function with constants folded and shape arithmetic gone.

    Raises ModelError when the simplifier fails or finds its own result to differ.
    """
    try:
        simplified, same = onnxsim.simplify(model)
    except Exception as e:  # the simplifier is native code with no error type of its own
        raise ModelError(f"onnxsim could not simplify the model: {e}") from e
    if not same:
        raise ModelError("onnxsim changed what the model computes")
    return simplified


def fold(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same function without the batch normalisations that exporter and simplifier leave after a Gemm."""
    return fold_graph(model).model


def store_contract(model: onnx.ModelProto, contract: InputContract) -> None:
    """Make the contract the model's only metadata; the simplifier leaves pages of its own there."""
    del model.metadata_props[:]
    model.metadata_props.add(key=METADATA_KEY, value=contract.to_json())
