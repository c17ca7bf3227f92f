"""Time the numpy float engine against ONNX Runtime, one thread each, interleaved in one process.

Run it as a script: `python tests/bench/bench_float_engine.py [--runs 20]`. Timings on a shared machine move
together, so what counts is the ratio; minimum and median are both printed, and the load average with them.
"""
# ruff: noqa: E402 - the BLAS library reads its thread count once, when numpy is imported

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import board_runner
from board_runner.float_engine import FloatEngine

SHIPPED = Path(board_runner.__file__).parent / "data" / "eat.onnx"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Times of both sides, and how far their outputs are apart."""

    numpy_ms: tuple[float, ...]
    onnxruntime_ms: tuple[float, ...]
    max_abs_diff: float

    @property
    def ratio_of_minima(self) -> float:
        """How many times ONNX Runtime's best the engine's best takes."""
        return min(self.numpy_ms) / min(self.onnxruntime_ms)

    @property
    def ratio_of_medians(self) -> float:
        """The same of the medians."""
        return float(np.median(self.numpy_ms) / np.median(self.onnxruntime_ms))


def compare(path: Path, runs: int, warm_up: int = 3) -> Comparison:
    """Run both sides alternately on the same noise."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    engine = FloatEngine.load(path)
    (spec,), (output,) = engine.inputs, engine.outputs
    x = {spec.name: (np.random.default_rng(0).standard_normal(spec.shape) * 0.3).astype(np.float32)}
    diff = np.abs(engine.run(x)[output.name] - session.run([output.name], x)[0]).max()
    times: tuple[list[float], list[float]] = ([], [])
    sides: tuple[Callable[[], object], ...] = (lambda: engine.run(x), lambda: session.run(None, x))
    for _ in range(warm_up + runs):
        for side, taken in zip(sides, times, strict=True):
            start = time.perf_counter()
            side()
            taken.append(1e3 * (time.perf_counter() - start))
    return Comparison(
        numpy_ms=tuple(times[0][warm_up:]), onnxruntime_ms=tuple(times[1][warm_up:]), max_abs_diff=float(diff)
    )


def export_random_eat_s(path: Path) -> None:
    """Write an untrained EAT-S (nf 16) to `path`; needs the tools of the `export` extra."""
    import onnx
    import torch

    from deployer.export import conversion
    from deployer.export.checkpoint import Checkpoint
    from deployer.export.eat import Eat, EatShape

    torch.manual_seed(0)
    network = Eat(EatShape()).eval()
    checkpoint = Checkpoint(folder=path.parent, network=network, sample_rate_hz=22050)
    model, _ = conversion.trace(checkpoint, conversion.contract_of(checkpoint))
    onnx.save_model(conversion.simplify(model), str(path))


def report(name: str, limit: float, comparison: Comparison) -> None:
    """Print one case: both sides, their ratio, and what the ratio is allowed to be."""
    print(name)
    for side, ms in (("numpy", comparison.numpy_ms), ("onnxruntime", comparison.onnxruntime_ms)):
        print(f"  {side:12} min {min(ms):8.2f} ms   median {np.median(ms):8.2f} ms   ({len(ms)} runs)")
    print(
        f"  ratio        min {comparison.ratio_of_minima:8.2f}      median {comparison.ratio_of_medians:8.2f}"
        f"      (at most {limit:.1f})   max abs diff {comparison.max_abs_diff:.1e}"
    )


def main() -> int:
    """Both cases; 1 if a ratio of minima is above its limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=20, help="timed runs of each side")
    runs = parser.parse_args().runs
    print(f"one thread, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    late = False
    if SHIPPED.is_file():
        comparison = compare(SHIPPED, runs)
        report("shipped EAT (nf 8)", 2.0, comparison)
        late |= comparison.ratio_of_minima > 2.0
    else:
        print(f"shipped EAT (nf 8): skipped, {SHIPPED} is not there")
    missing = [name for name in ("torch", "onnxsim") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"random EAT-S (nf 16): skipped, it needs {' and '.join(missing)} (the extra [export])")
        return int(late)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "eat_s.onnx"
        export_random_eat_s(path)
        comparison = compare(path, runs)
    report("random EAT-S (nf 16)", 1.5, comparison)
    return int(late or comparison.ratio_of_minima > 1.5)


if __name__ == "__main__":
    sys.exit(main())
