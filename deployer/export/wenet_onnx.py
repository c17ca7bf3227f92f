"""U2 as three ONNX graphs: a streaming encoder, CTC and decoder, every free axis named."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import onnx
import torch
from torch import Tensor, nn

from board_runner.contract import InputContract, TensorSpec
from board_runner.errors import ModelError
from deployer.export.conversion import OPSET, store_contract
from deployer.export.wenet_graphs import StreamingEncoder
from deployer.export.wenet_source import WenetSource

AXES = {
    "feats": {1: "feature_frames"},
    "subsampling_cache": {1: "kept_frames"},
    "layer_cache": {2: "kept_frames"},
    "next_subsampling_cache": {1: "next_kept_frames"},
    "next_layer_cache": {2: "next_kept_frames"},
    "encoded": {1: "frames"},
    "tokens": {0: "hypotheses", 1: "length"},
}
"""Names of the free axes by tensor; those of `log_probs` are its graph's inputs'."""

LOG_PROBS_AXES = {"ctc": {1: "frames"}, "decoder": {0: "hypotheses", 1: "length"}}


def trace(source: WenetSource) -> tuple[dict[str, onnx.ModelProto], Sequence[str]]:
    """`encoder`, `ctc`, `decoder` -> the model at `OPSET` with its contract; and what the exporter warned of.

    Raises ModelError when the exporter cannot.
    """
    shape = source.network.shape
    torch.manual_seed(0)
    encoded = torch.randn(1, 9, shape.width)
    # Sizes unlike 1 and unlike each other: what a trace takes for constant then shows at another size.
    examples: dict[str, tuple[nn.Module, tuple[Tensor, ...]]] = {
        "encoder": (
            StreamingEncoder(source.network.encoder),
            (
                torch.randn(1, 35, shape.channels),
                torch.tensor([6]),
                torch.tensor([8]),
                torch.randn(1, 4, shape.width),
                torch.randn(shape.layers, 1, 4, shape.width),
                torch.randn(shape.layers, 1, shape.width, shape.kernel - 1),
            ),
        ),
        "ctc": (source.network.ctc, (encoded,)),
        "decoder": (source.network.decoder, (encoded, torch.ones(3, 5, dtype=torch.int64))),
    }
    made, said = {}, []
    for name, contract in source.contracts.items():
        network, example = examples[name]
        made[name], told = traced(name, network.eval(), example, contract)
        said += told
    return made, list(dict.fromkeys(said))


def traced(
    name: str, network: nn.Module, example: tuple[Tensor, ...], contract: InputContract
) -> tuple[onnx.ModelProto, list[str]]:
    """One network with the contract's names, and what the exporter warned of. Raises ModelError where it cannot."""
    axes = {**AXES, "log_probs": LOG_PROBS_AXES.get(name, {})}
    written = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            torch.onnx.export(
                network,
                example,
                written,
                opset_version=OPSET,
                dynamo=False,
                input_names=[spec.name for spec in contract.inputs],
                output_names=[spec.name for spec in contract.outputs],
                dynamic_axes={
                    spec.name: axes[spec.name]
                    for spec in (*contract.inputs, *contract.outputs)
                    if spec.name in axes and -1 in spec.shape
                },
            )
        except Exception as e:  # the exporter translates none of its own failures
            raise ModelError(f"PyTorch could not export the {name}: {e}") from e
    model = onnx.load_model_from_string(written.getvalue())
    for value, spec in zip(model.graph.output, contract.outputs, strict=True):
        _set_shape(value, spec, axes.get(spec.name, {}))
    store_contract(model, contract)
    return model, [str(warning.message) for warning in caught]


def _set_shape(value: onnx.ValueInfoProto, spec: TensorSpec, names: dict[int, str]) -> None:
    """Tracing leaves symbols of its own where a size is known, or free."""
    for axis, (dim, size) in enumerate(zip(value.type.tensor_type.shape.dim, spec.shape, strict=True)):
        dim.Clear()
        if size < 0:
            dim.dim_param = names[axis]
        else:
            dim.dim_value = size
