"""What folding is worth, and what it costs to drop the scale: the six keyword-spotting networks.

    python tests/bench/measure_folding.py [--pairs 200] [--clips 200]

Random weights and scales (0.7 to 1.3), statistics of other clips, the same every time. Each network is folded as
`deploy fold` does, held against itself in every engine and timed in pairs, one thread each; then it is folded with
every scale taken for 1. Needs the extra [export].
"""
# ruff: noqa: E402 - the BLAS library reads its thread count once, when numpy is imported

from __future__ import annotations

import argparse
import os
import sys
import warnings
from pathlib import Path

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import onnx
from onnx import numpy_helper

from board_runner.contract import Array
from board_runner.models import kws
from deployer.folding import proof
from deployer.folding.graph import fold_graph


def traced(name: str) -> onnx.ModelProto:
    """A random network of the preset, its statistics those of clips, with its normalisations kept."""
    import torch

    from board_runner.frontends.mfcc import Mfcc
    from deployer.export import conversion
    from deployer.export.kws_checkpoint import contract_of
    from deployer.export.kws_sizes import parse
    from deployer.export.sources import Source
    from tests.kws.conftest import random_network

    contract = contract_of(parse(name), Mfcc())
    network = random_network(name)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            layer.momentum = None  # the mean of all batches
            layer.reset_running_stats()
    with torch.no_grad():
        network.train()(torch.from_numpy(np.concatenate(features(64, seed=2))))
    source = Source(folder=Path(), network=network.eval(), contract=contract)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's notice of its successor
        return conversion.trace(source, contract, keep_norms=True)[0]


def without_scales(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same with every scale of a normalisation 1."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    scales = {node.input[1] for node in copy.graph.node if node.op_type == "BatchNormalization"}
    for tensor in copy.graph.initializer:
        if tensor.name in scales:
            ones = np.ones_like(numpy_helper.to_array(tensor))
            tensor.CopyFrom(numpy_helper.from_array(ones, tensor.name))
    return copy


def features(count: int, seed: int = 1) -> list[Array]:
    """Inputs of that many clips: tones and noise of many levels."""
    rng = np.random.default_rng(seed)
    t = np.arange(16000) / 16000
    clips = []
    for _ in range(count):
        tone = np.sin(2 * np.pi * rng.uniform(80, 3000) * t + rng.uniform(0, 5) * np.sin(2 * np.pi * t))
        clip = rng.uniform(0.01, 0.8) * tone + rng.uniform(0, 0.2) * rng.standard_normal(16000)
        [chunk] = kws.chunks(clip.astype(np.float32), kws.contract())
        clips.append(chunk[kws.INPUT])
    return clips


def logits(model: onnx.ModelProto, inputs: list[Array]) -> Array:
    """What ONNX Runtime gives, a row an input."""
    run = proof.engines(model)["ONNX Runtime, as written"]
    if isinstance(run, str):
        raise SystemExit(run)
    return np.concatenate([run({kws.INPUT: value})[0] for value in inputs])


def main() -> None:
    """A block a network."""
    from deployer.export.kws_sizes import PRESETS

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--clips", type=int, default=200)
    asked = parser.parse_args()
    print(f"one thread, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    inputs = features(asked.clips)
    for name in PRESETS:
        model = traced(name)
        folded = fold_graph(model)
        wanted = logits(model, inputs)
        print(f"{name}: {len(folded.folds)} folded, largest logit {np.abs(wanted).max():.2f}")
        for told, other in (
            ("with scale", folded.model),
            ("scale dropped", fold_graph(without_scales(model)).model),
        ):
            ours = logits(other, inputs)
            same = float((ours.argmax(axis=1) == wanted.argmax(axis=1)).mean())
            print(f"  {told:14} max abs {np.abs(ours - wanted).max():.2e}   top-1 the same on {same:.1%}")
        for row in proof.timings(model, folded.model, asked.pairs, proof.engines(model)):
            print(f"  {row.engine:26} {row.before_ms:.3f} ms to {row.after_ms:.3f} ms, {row.told}")


if __name__ == "__main__":
    main()
