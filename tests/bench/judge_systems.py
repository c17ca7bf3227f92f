"""Judge the quantisation of the other systems, with random weights and sounds made here, beside ONNX Runtime's.

    PYTHONPATH=. python tests/bench/judge_systems.py [DS-CNN-S mn05 ...] [--clips 16]

Calibrated and judged on the same inputs. Exit status 1 where a form is more than 1 dB below ONNX Runtime's.
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
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from board_runner.contract import Tensors
from board_runner.quant import qdq, scheme
from board_runner.quant.fixed_engine import FixedEngine
from board_runner.quant.sensitivity import Site
from board_runner.quant.settings import QuantSettings
from deployer.tuning.candidates import ranked
from tests.quant import systems
from tests.quant.judging import Judge, Scored

MIXED = (4, 8, 16, 32, 64)
"""How many inputs of convolutions take 16 bits, by rank."""

NAMED = 5


def main() -> int:
    """A table a system, then the inputs that cost most."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("systems", nargs="*", default=["CNN-S", "DS-CNN-S", "mn05", "dymn05", "ECAPA small"])
    parser.add_argument("--clips", type=int, default=16)
    args = parser.parse_args()
    held = True
    for name in args.systems:
        with tempfile.TemporaryDirectory() as folder:
            held &= _judged(systems.build(name, Path(folder), count=args.clips))
    return int(not held)


def _judged(system: systems.System) -> bool:
    judge = Judge(system.onnx, system.calibration, system.calibration)
    order = ranked(judge.sites)
    scored = {"L1, 8 bit": judge.ours(QuantSettings(level="L1"))}
    scored["L3, 8 bit"] = judge.ours(QuantSettings(level="L3"))
    scored["L5"] = judge.ours(QuantSettings(level="L5"))
    for count in (count for count in MIXED if count < len(order)):
        names = tuple(site.name for site in order[:count])
        scored[f"L3 +{count}"] = judge.ours(QuantSettings(level="L3", int16_inputs=names))
    scored["16 bit"] = judge.ours(QuantSettings(conv_bits=16))
    scored["ORT, 8 bit"], scored["ORT, 16 bit"] = judge.theirs("conv8"), judge.theirs("conv16")
    print(f"\n{system.name}: {len(order)} inputs of convolutions, {len(system.calibration)} sounds")
    for name, form in scored.items():
        size = form.weight_bytes or ""
        print(f"  {name:12} {form.sqnr_db:6.2f} dB   worst {form.worst_db:5.1f}   {size:>9}")
    _name_the_worst(order)
    _time(system, judge)
    return _holds(scored)


def _name_the_worst(order: Sequence[Site]) -> None:
    for site in sorted(order, key=lambda site: -site.sensitivity)[:NAMED]:
        print(f"  sensitivity {site.sensitivity:.3f}, {site.weights:7} weights: {site.name}")


def _time(system: systems.System, judge: Judge) -> None:
    """Medians of ONNX Runtime's float and of ours in 8 and 16 bits, one thread, interleaved."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(system.onnx), options, providers=["CPUExecutionProvider"])
    sides: dict[str, Callable[[Tensors], object]] = {"ORT float": lambda clip: session.run(None, dict(clip))}
    for bits, settings in ((8, QuantSettings(level="L1")), (16, QuantSettings(conv_bits=16))):
        decided = scheme.decide(judge.graph, judge.statistics, settings)
        sides[f"{bits} bit"] = FixedEngine(qdq.quantised(judge.graph, decided)).run
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(12):
        for name, run in sides.items():
            start = time.perf_counter()
            run(system.calibration[number % len(system.calibration)])
            times[name].append(1e3 * (time.perf_counter() - start))
    base = float(np.median(times["ORT float"][2:]))
    said = [
        f"{name} {np.median(ms[2:]):.2f} ms ({np.median(ms[2:]) / base:.1f})" for name, ms in times.items()
    ]
    print(f"  {', '.join(said)}; load average {os.getloadavg()[0]:.1f}")


def _holds(scored: dict[str, Scored]) -> bool:
    pairs = (("L1, 8 bit", "ORT, 8 bit"), ("16 bit", "ORT, 16 bit"))
    below = [ours for ours, theirs in pairs if scored[ours].sqnr_db < scored[theirs].sqnr_db - 1]
    print(f"  {'FAILS: ' + ', '.join(below) if below else 'holds: not below ONNX Runtime minus 1 dB'}")
    return not below


if __name__ == "__main__":
    sys.exit(main())
