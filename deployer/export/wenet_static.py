"""U2's encoder and CTC as one graph in which every size is fixed, for what converts and quantises."""

from __future__ import annotations

import onnx
import torch
from torch import Tensor, nn

from board_runner.contract import InputContract
from board_runner.models import wenet_static
from board_runner.models.wenet_chunks import Chunking
from deployer.export import conversion, wenet_onnx
from deployer.export.wenet_encoder import Encoder
from deployer.export.wenet_graphs import Ctc
from deployer.export.wenet_source import WenetSource


class StaticRecogniser(nn.Module):  # type: ignore[misc]
    """One chunk: logits (1, T, tokens), frames (1, T, width), then for each layer the caches of the next chunk.

    A cache always has as many frames; those that are not there yet are hidden by what is added to the scores.
    """

    def __init__(self, encoder: Encoder, ctc: Ctc) -> None:
        super().__init__()
        self.encoder, self.linear = encoder, ctc.linear

    def forward(
        self, feats: Tensor, positions: Tensor, hidden: Tensor, *carried: Tensor
    ) -> tuple[Tensor, ...]:
        """`carried` are the kept inputs of every layer, then the states of every convolution."""
        count = len(self.encoder.layers)
        x, kept, states = self.encoder.subsampling(feats), [], []
        for layer, cache, state in zip(self.encoder.layers, carried[:count], carried[count:], strict=True):
            kept.append(torch.cat([cache, x], dim=1)[:, x.size(1) :])
            x, after = layer(x, cache, positions, state, hidden)
            states.append(after)
        y = self.encoder.norm(x)
        return (self.linear(y), y, *kept, *states)


def contract_of(source: WenetSource, chunking: Chunking) -> InputContract:
    """What the graph expects and gives. Raises ModelError for chunks or a history without bound."""
    shape = source.network.shape
    return wenet_static.contract(
        front_end=None,
        chunking=chunking,
        width=shape.width,
        layers=shape.layers,
        kernel=shape.kernel,
        tokens=shape.tokens,
    )


def trace(source: WenetSource, contract: InputContract) -> tuple[onnx.ModelProto, list[str]]:
    """The graph at `OPSET`, simplified, with its contract; and what the exporter warned of. Raises ModelError."""
    network = StaticRecogniser(source.network.encoder, source.network.ctc)
    example = tuple(torch.zeros(spec.shape) for spec in contract.inputs)
    traced, said = wenet_onnx.traced("static graph", network.eval(), example, contract)
    graph = conversion.fold(conversion.simplify(traced))
    conversion.store_contract(graph, contract)
    return graph, said
