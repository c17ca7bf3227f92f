"""The other systems with random weights, as ONNX with their contracts, and sounds through their front ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from board_runner import models
from board_runner.contract import InputContract, Tensors


@dataclass(frozen=True, kw_only=True)
class System:
    """One network as a file; `calibration` and `clips` are inputs of different sounds."""

    name: str
    onnx: Path
    calibration: tuple[Tensors, ...]
    clips: tuple[Tensors, ...]


def _kws(sizes: str) -> Callable[[Path], tuple[str, Path]]:
    def write(folder: Path) -> tuple[str, Path]:
        import torch

        from tests.kws.conftest import random_network

        (folder / "args.yml").write_text(f"model_size_info: {sizes}\n", encoding="utf-8")
        torch.save({"model_dict": random_network(sizes).state_dict()}, folder / "chkpnt.pt")
        return "kws", folder

    return write


def _efficientat(name: str) -> Callable[[Path], tuple[str, Path]]:
    def write(folder: Path) -> tuple[str, Path]:
        from tests.efficientat import networks

        return "efficientat", networks.write(folder, name)

    return write


def _ecapa(name: str, **sizes: int) -> Callable[[Path], tuple[str, Path]]:
    def write(folder: Path) -> tuple[str, Path]:
        from tests.ecapa.conftest import network_of, write_checkpoint

        state = network_of(name, **sizes).state_dict()
        return "ecapa", write_checkpoint(folder, name, state, **sizes)

    return write


LARGE = {"channels": 512, "inner": 512, "bottleneck": 128, "pooled": 1536, "width": 192}
"""The paper's C = 512."""

SYSTEMS = {
    "CNN-S": _kws("CNN-S"),
    "DS-CNN-S": _kws("DS-CNN-S"),
    "DS-CNN-L": _kws("DS-CNN-L"),
    "mn05": _efficientat("mn05"),
    "mn10": _efficientat("mn10"),
    "dymn05": _efficientat("dymn05"),
    "ECAPA small": _ecapa("seed"),
    "ECAPA C512": _ecapa("C512", **LARGE),
}


def build(name: str, folder: Path, *, count: int = 12) -> System:
    """`count` calibration inputs and as many clips. Skips the test that asks where PyTorch is not installed."""
    for tool in ("torch", "onnxsim"):
        pytest.importorskip(tool, reason="the export's tools are not installed")
    from deployer.export import conversion, sources

    model, made = SYSTEMS[name](folder)
    source = sources.load(model, made)
    inputs = [_input(model, source.contract, seed) for seed in range(2 * count)]
    _settle(source.reference, inputs)
    if source.network is not source.reference:  # rewritten for the export, its normalisations folded: anew
        from deployer.export.efficientat_static import static

        source = replace(source, network=static(source.reference))
    traced, _ = conversion.trace(source, source.contract)
    graph = conversion.fold(conversion.simplify(traced))
    conversion.store_contract(graph, source.contract)
    onnx.save(graph, str(folder / "model.onnx"))
    return System(
        name=name,
        onnx=folder / "model.onnx",
        calibration=tuple(inputs[:count]),
        clips=tuple(inputs[count:]),
    )


def _settle(network: Any, inputs: list[Tensors]) -> None:
    """Statistics of normalisations as these inputs give them: with others a random network tells no two apart."""
    import torch

    norms = [m for m in network.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over what is seen
        norm.train()
    with torch.no_grad():
        network(torch.from_numpy(np.concatenate([next(iter(given.values())) for given in inputs])))
    network.eval()


def _input(model: str, contract: InputContract, seed: int) -> Tensors:
    """A hum that slides, swells and fades, under noise of its own loudness."""
    rng = np.random.default_rng(seed)
    t = np.arange(2 * contract.sample_rate_hz) / contract.sample_rate_hz
    pitch = rng.uniform(90, 900) * t * (1 + rng.uniform(-0.2, 0.4) * t)
    hum = sum(np.sin(2 * np.pi * h * pitch) / h**1.3 for h in range(1, 9))
    swell = np.exp(-np.square((t - rng.uniform(0.3, 0.9)) / rng.uniform(0.2, 0.6)))
    noise = rng.standard_normal(t.size) * 10 ** rng.uniform(-2.5, -1.5)
    samples = (rng.uniform(0.1, 0.4) * hum * swell + noise).astype(np.float32)
    return next(iter(models.get(model).chunks(samples, contract)))
