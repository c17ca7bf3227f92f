"""Judge the integers of the streaming recogniser, with random weights over real sound, beside ONNX Runtime's.

    PYTHONPATH=. python tests/bench/judge_wenet.py [--width 64 --layers 3] [--chunk 16 --left 4] [--clips 10]

Shipped clips at 16 kHz, 5 s each, calibrate and are judged; every form carries its own state from chunk to chunk.
Exit status 1 where a form is more than 1 dB below ONNX Runtime's of the same scheme.
"""
# ruff: noqa: E402 - the BLAS library reads its thread count once, when numpy is imported

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from board_runner.contract import Array
from board_runner.engine import Engine
from board_runner.graph import Graph
from board_runner.models.ctc import greedy
from board_runner.models.error_rate import error_rate
from board_runner.models.wenet_chunks import Chunking
from board_runner.models.wenet_static import log_softmax
from board_runner.quant import calibration, patterns, qdq, scheme, sensitivity
from board_runner.quant.fixed_engine import FixedEngine
from board_runner.quant.sensitivity import Site
from board_runner.quant.settings import QuantSettings
from deployer.tuning.candidates import ranked
from tests.quant.judging import weight_bytes
from tests.wenet import streams
from tests.wenet.conftest import random_network
from tests.wenet.streams import Streamed, sqnr_db

MIXED = (1, 2, 4, 8, 16)
"""How many inputs of convolutions take 16 bits, by rank."""

MASKS = (32.0, 64.0, 1000.0)
NAMED = 6


def main() -> int:
    """A table of forms, the inputs that cost most, and what the mask's number changes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--chunk", type=int, default=16)
    parser.add_argument("--left", type=int, default=4)
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=5.0)
    args = parser.parse_args()
    network = random_network(
        width=args.width, layers=args.layers, hidden=8 * args.width, decoder_hidden=args.width, tokens=50
    )
    clips = [streams.sound(path, args.seconds) for path in streams.CLIPS[: args.clips]]
    with tempfile.TemporaryDirectory() as folder:
        chunking = Chunking(frames=args.chunk, left_chunks=args.left)
        streamed = streams.write(Path(folder), network, chunking, clips)
        heard = sum(map(len, _heard(streamed.reference)))
        print(
            f"{args.layers} layers of {args.width}, {len(clips)} clips, {len(streamed.chunks)} chunks, "
            f"float hears {heard} tokens"
        )
        return int(not _judged(streamed))


def _judged(streamed: Streamed) -> bool:
    graph = patterns.rewrite(Graph.load(streamed.onnx))
    measured = calibration.measure(graph, streamed.chunks, passes=2)
    base = scheme.decide(graph, measured, QuantSettings(level="L3"))
    sites = sensitivity.measure(graph, base, streamed.chunks, len(streamed.chunks))
    order = ranked(sites)
    forms = {"L1, 8 bit": QuantSettings(level="L1"), "L3, 8 bit": QuantSettings(level="L3")}
    for count in (count for count in MIXED if count < len(order)):
        names = tuple(site.name for site in order[:count])
        forms[f"L3 +{count}"] = QuantSettings(level="L3", int16_inputs=names)
    forms |= {"L5": QuantSettings(level="L5"), "16 bit": QuantSettings(conv_bits=16)}
    found: dict[str, float] = {}
    for name, settings in forms.items():
        chooses = settings.level == "L5"
        worst = [s.name for s in sites if chooses and s.worst > settings.sensitivity_threshold]
        decided = scheme.decide(graph, measured, settings, worst)
        engine = FixedEngine(qdq.quantised(graph, decided))
        found[name] = _row(name, streamed, engine, weight_bytes(graph, decided))
    for name, wanted in (
        ("ORT, 8 bit", "conv8"),
        ("ORT, 16 bit", "conv16"),
        ("ORT, its defaults", "defaults"),
    ):
        found[name] = _row(name, streamed, streamed.theirs(wanted))  # type: ignore[arg-type]
    _name_the_worst(order)
    _masks(streamed)
    pairs = (("L1, 8 bit", "ORT, 8 bit"), ("16 bit", "ORT, 16 bit"))
    below = [ours for ours, theirs in pairs if found[ours] < found[theirs] - 1]
    print(f"  {'FAILS: ' + ', '.join(below) if below else 'holds: not below ONNX Runtime minus 1 dB'}")
    return not below


def _row(name: str, streamed: Streamed, engine: Engine, size: int = 0) -> float:
    start = time.process_time()
    logits = streamed.logits(engine)
    chunk_ms = 1e3 * (time.process_time() - start) / len(streamed.chunks)
    whole = sqnr_db(streamed.reference, logits)
    each = [sqnr_db([a], [b]) for a, b in zip(streamed.reference, logits, strict=True)]
    pairs = list(zip(_heard(streamed.reference), _heard(logits), strict=True))
    print(
        f"  {name:18} {whole:6.2f} dB   worst clip {min(each):5.1f}   error rate against float "
        f"{error_rate(pairs):.4f}   {size or '':>9}   {chunk_ms:.1f} ms of CPU a chunk",
        flush=True,
    )
    return whole


def _heard(logits: Sequence[Array]) -> list[tuple[int, ...]]:
    return [greedy(log_softmax(one[0])).tokens for one in logits]


def _name_the_worst(order: Sequence[Site]) -> None:
    for site in sorted(order, key=lambda site: -site.sensitivity)[:NAMED]:
        print(f"  sensitivity {site.sensitivity:.4f}, {site.weights:7} weights: {site.name}")


def _masks(streamed: Streamed) -> None:
    """The number in `hidden` is an input: the same graph, calibrated with others, convolutions in 16 bits."""
    for mask in MASKS:
        stated = {**streamed.contract.front_end, "mask": mask}
        other = replace(streamed, contract=replace(streamed.contract, front_end=stated))
        graph = patterns.rewrite(Graph.load(streamed.onnx))
        measured = calibration.measure(graph, other.chunks, passes=1)
        decided = scheme.decide(graph, measured, QuantSettings(conv_bits=16))
        logits = other.logits(FixedEngine(qdq.quantised(graph, decided)))
        print(f"  mask -{mask:g}, 16 bit: {sqnr_db(streamed.reference, logits):.2f} dB", flush=True)


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    sys.exit(main())
