"""Networks of every size that has a name, with seeded weights: what they cost depends on their sizes alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from board_runner import models
from board_runner.contract import InputContract, Tensors
from board_runner.frontends.logmel import LogMel
from board_runner.frontends.mfcc import Mfcc
from board_runner.frontends.speaker_mel import SpeakerMel
from board_runner.models.wenet_chunks import Chunking
from deployer import catalogue
from deployer.export import (
    conversion,
    eat,
    ecapa,
    ecapa_shape,
    ecapa_source,
    efficientat,
    efficientat_sizes,
    efficientat_source,
    kws,
    kws_checkpoint,
    kws_sizes,
    wenet_onnx,
)
from deployer.export.checkpoint import Checkpoint
from deployer.export.efficientat_static import static
from deployer.export.sources import Source
from deployer.export.wenet_graphs import StreamingEncoder
from deployer.export.wenet_sizes import WenetShape
from deployer.export.wenet_source import U2, WenetSource

SEED = 0
NOWHERE = Path("untrained")


@dataclass(frozen=True, kw_only=True)
class Untrained:
    """One size of one model: the graph as `deploy export` makes it, and the network that it was made of."""

    onnx: onnx.ModelProto
    contract: InputContract
    network: nn.Module

    def run(self, inputs: Tensors) -> Tensors:
        """The network itself, outputs by name as the graph's."""
        with torch.inference_mode():
            made = self.network(*(torch.from_numpy(inputs[spec.name]) for spec in self.contract.inputs))
        values = made if isinstance(made, tuple) else (made,)
        return {out.name: value.numpy() for out, value in zip(self.contract.outputs, values, strict=True)}


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on a single thread meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def names() -> list[tuple[str, str]]:
    """Model and size of all that take audio; the graphs behind WeNet's encoder take what that gives."""
    known = [(facts.name, variant.name) for facts in catalogue.every() for variant in facts.variants]
    return [(model, size) for model, size in known if model != "wenet" or size == "encoder"]


def make(model: str, size: str) -> Untrained:
    """Build, trace, simplify and fold. Raises UsageError for a model we do not have, ModelError for a size."""
    facts = catalogue.of(model)
    classes = next((v.classes for v in facts.variants if v.name == size), None) or 0
    torch.manual_seed(SEED)
    if model == "wenet":
        return _wenet()
    source = _SOURCES[model](size, classes)
    graph, _ = conversion.trace(source, source.contract)
    folded = conversion.fold(conversion.simplify(graph))
    conversion.store_contract(folded, source.contract)
    return Untrained(onnx=folded, contract=source.contract, network=source.reference)


def _settled(network: nn.Module, contract: InputContract) -> nn.Module:
    """The network ready to evaluate, its batch normalisations at the statistics of clips of seeded noise.

    As they are made they pass everything on, and the signal of a deep network fades to nothing but rounding.
    """
    norms = [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    network.eval()
    for layer in norms:
        layer.train()
        layer.momentum = None  # a plain average: of this one pass
    rng, module = np.random.default_rng(SEED), models.get(contract.model)
    noise = [rng.uniform(-0.5, 0.5, 4 * contract.sample_rate_hz).astype(np.float32) for _ in range(4)]
    clips = [next(iter(module.chunks(clip, contract)))[contract.inputs[0].name] for clip in noise]
    with torch.no_grad():
        network(torch.from_numpy(np.concatenate(clips)))
    return network.eval()


def _eat(size: str, classes: int) -> Source:
    network = eat.Eat(replace(eat.PRESETS[size], classes=classes))
    contract = conversion.contract_of(Checkpoint(folder=NOWHERE, network=network, sample_rate_hz=22050))
    return Source(folder=NOWHERE, network=_settled(network, contract), contract=contract)


def _ecapa(size: str, classes: int) -> Source:
    shape = ecapa_shape.preset(size)
    contract = ecapa_source.contract_of(shape, SpeakerMel(channels=shape.mels))
    return Source(
        folder=NOWHERE, network=_settled(ecapa.Ecapa(shape), contract), contract=contract, keeps_norms=True
    )


def _efficientat(size: str, classes: int) -> Source:
    network = efficientat.build(efficientat_sizes.parse(size, classes=classes))
    contract = efficientat_source.contract_of(network.shape, LogMel())
    _settled(network, contract)
    if not network.shape.dynamic:
        return Source(folder=NOWHERE, network=network, contract=contract)
    return Source(folder=NOWHERE, network=static(network), contract=contract, trained=network)


def _kws(size: str, classes: int) -> Source:
    shape = kws_sizes.parse(size, classes=classes)
    contract = kws_checkpoint.contract_of(shape, Mfcc())
    return Source(folder=NOWHERE, network=_settled(kws.build(shape), contract), contract=contract)


_SOURCES: Mapping[str, Callable[[str, int], Source]] = {
    "eat": _eat,
    "ecapa": _ecapa,
    "efficientat": _efficientat,
    "kws": _kws,
}


def _wenet() -> Untrained:
    source = WenetSource(folder=NOWHERE, network=U2(WenetShape()).eval(), chunking=Chunking())
    graphs, _ = wenet_onnx.trace(source)
    network = StreamingEncoder(source.network.encoder).eval()
    return Untrained(onnx=graphs["encoder"], contract=source.contracts["encoder"], network=network)
