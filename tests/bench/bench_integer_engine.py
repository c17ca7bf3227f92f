"""Time `fixed` and `offline` of the shipped model beside ONNX Runtime's float, one thread each, interleaved.

Run it as a script: `python tests/bench/bench_integer_engine.py [--runs 20]`. The ratios of medians count.
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
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime

import board_runner
from board_runner import audio, engine
from board_runner.contract import Tensors
from board_runner.models import eat
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.float_sim import write_float
from board_runner.quant.settings import QuantSettings

DATA = Path(board_runner.__file__).parent / "data"
LIMITS: dict[Literal[8, 16], float] = {8: 4.0, 16: 7.0}
"""At most so many times ONNX Runtime's float time, by the bits of the convolutions."""

WARM_UP = 3


def main() -> int:
    """All four against one; 1 if a ratio of medians is above its limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=20, help="timed runs of each side")
    runs = parser.parse_args().runs
    clips = [_input(path) for path in sorted((DATA / "clips").glob("*.wav"))]
    with tempfile.TemporaryDirectory() as folder:
        sides = _sides(Path(folder), clips)
        times = _interleaved(sides, clips, runs)
    print(f"one thread, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {runs} runs")
    base, late = float(np.median(times["onnxruntime float"])), False
    for name, ms in times.items():
        ratio = float(np.median(ms)) / base
        limit = next((limit for bits, limit in LIMITS.items() if name.endswith(f"{bits}-bit")), None)
        late |= limit is not None and ratio > limit
        said = f"   (at most {limit:.1f})" if limit else ""
        print(
            f"  {name:20} min {min(ms):7.2f} ms   median {np.median(ms):7.2f} ms   {ratio:5.2f} times{said}"
        )
    return int(late)


def _input(path: Path) -> Tensors:
    contract = eat.contract()
    samples = audio.require(audio.read_wav(path), contract.sample_rate_hz)
    return next(iter(eat.chunks(samples, contract)))


def _sides(folder: Path, clips: list[Tensors]) -> dict[str, Callable[[Tensors], object]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    source = DATA / "eat.onnx"
    session = onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    sides: dict[str, Callable[[Tensors], object]] = {
        "onnxruntime float": lambda clip: session.run(None, dict(clip))
    }
    write_float(source, folder / "float.sim")
    for bits in LIMITS:
        fixed, made = folder / f"{bits}.sim", folder / f"{bits}.img"
        write_fixed(folder / "float.sim", fixed, samples=clips, settings=QuantSettings(conv_bits=bits))
        write_image(fixed, made, chip="pcupid")
        sides[f"fixed {bits}-bit"] = engine.load(fixed).run
        sides[f"offline {bits}-bit"] = engine.load(made).run
    return sides


def _interleaved(
    sides: dict[str, Callable[[Tensors], object]], clips: list[Tensors], runs: int
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(WARM_UP + runs):
        for name, run in sides.items():
            start = time.perf_counter()
            run(clips[number % len(clips)])
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: ms[WARM_UP:] for name, ms in times.items()}


if __name__ == "__main__":
    sys.exit(main())
