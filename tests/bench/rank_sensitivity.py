"""Which measure ranks convolutions better: noise at the model's output, or at each convolution's own?

    PYTHONPATH=. python tests/bench/rank_sensitivity.py --calibration CALIBRATION --clips CLIPS

Widens the first sites of either ranking to 16 bits and shows the SQNR against float of what results.
"""
# ruff: noqa: E402 - the BLAS library reads its thread count once, when numpy is imported

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import board_runner
from board_runner import audio
from board_runner.contract import Tensors
from board_runner.graph import Graph
from board_runner.models import eat
from board_runner.plan.program import Program, node_step, per_op
from board_runner.quant import scheme
from board_runner.quant.levels import through_int8, through_uint8
from board_runner.quant.ranges import convolutions
from board_runner.quant.scheme import Scheme
from board_runner.quant.sensitivity import LOOKS
from board_runner.quant.settings import QuantSettings
from deployer.tuning.candidates import ranked
from tests.quant.judging import Judge

DATA = Path(board_runner.__file__).parent / "data"


def main() -> None:
    """A row a number of sites and ranking."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calibration", type=Path, default=DATA / "clips")
    parser.add_argument("--clips", type=Path, default=DATA / "clips")
    args = parser.parse_args()
    samples = [_input(path) for path in sorted(args.calibration.glob("*.wav"))]
    judge = Judge(DATA / "eat.onnx", samples, [_input(path) for path in sorted(args.clips.glob("*.wav"))])
    base = scheme.decide(judge.graph, judge.statistics, QuantSettings(level="L3"))
    own = own_output(judge.graph, base, samples)
    rankings = {
        "model's output": [site.name for site in ranked(judge.sites)],
        "own output": [s.name for s in ranked([replace(s, sensitivity=own[s.name]) for s in judge.sites])],
    }
    size = {site.name: site.extra_bytes for site in judge.sites}
    for count in (4, 8, 12, 16, 20, 24):
        for measure, order in rankings.items():
            scored = judge.ours(QuantSettings(level="L3", int16_inputs=tuple(order[:count])))
            extra = sum(size[name] for name in order[:count])
            print(
                f"{count:3} {measure:15} {extra:8} bytes {scored.sqnr_db:6.2f} dB, median {scored.median_db:.2f}"
            )


def own_output(graph: Graph, base: Scheme, samples: Sequence[Tensors]) -> dict[str, float]:
    """|y8 - y| / |y| at the outputs of a site's own convolutions, over the looks of the real measure."""
    noise: dict[str, list[float]] = {}
    wanted = {name for node in convolutions(graph) for name in (node.inputs[0], node.outputs[0])}
    reference = per_op(graph, wanted)
    for look in range(LOOKS):
        values = reference.run(samples[look * len(samples) // LOOKS])
        for node in convolutions(graph):
            data, weight = node.inputs[:2]
            given = {
                "x": through_uint8(values[data], base.narrow[data], (look + 0.5) / LOOKS - 0.5),
                "w": through_int8(graph.initializers[weight], base.tops[weight, 8]),
            }
            step = node_step(replace(node, inputs=("x", "w", *node.inputs[2:])), graph.opset)
            (out,) = node.outputs
            exact, rounded = values[out], Program.of([step], graph.initializers, [out]).run(given)[out]
            pair = noise.setdefault(data, [0.0, 0.0])
            pair[0] += float(np.square(rounded - exact, dtype=np.float64).sum())
            pair[1] += float(np.square(exact, dtype=np.float64).sum())
    return {name: float(np.sqrt(a / b)) for name, (a, b) in noise.items()}


def _input(path: Path) -> Tensors:
    contract = eat.contract()
    samples = audio.require(audio.read_wav(path), contract.sample_rate_hz)
    return next(iter(eat.chunks(samples, contract)))


if __name__ == "__main__":
    main()
