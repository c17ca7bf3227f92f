"""Time EfficientAT in the numpy float engine, in ONNX Runtime and in PyTorch, one thread each, in turns.

    python tests/bench/bench_efficientat.py [NAME ...] [--runs 20] [--clips 20]

Networks with random weights, as `deploy export` writes them; needs the extra [export]. Besides wall time the
processor's time is given, which a busy machine disturbs less: the limit is on the ratio of its minima, for mn10.
Then clips a second: from samples in memory, and with reading and resampling a 44.1 kHz wav for each.
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
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).parents[2]))

import onnxruntime
import soundfile
import soxr
import torch

from board_runner.contract import InputContract
from board_runner.float_engine import FloatEngine
from board_runner.models import efficientat
from deployer.export import conversion
from deployer.export.efficientat_sizes import parse
from deployer.export.efficientat_source import contract_of
from deployer.export.efficientat_static import static
from deployer.export.sources import Source
from tests.efficientat.networks import random_network

LIMIT = 3.0
LIMITED = "mn10"
NAMES = ("mn05", "mn10", "dymn05", "dymn10")
WARM_UP = 3

Side = Callable[[], Any]


def exported(name: str, path: Path) -> tuple[torch.nn.Module, InputContract]:
    """Write the network to `path`, traced, simplified and folded; gives it back as it was, and its contract."""
    from board_runner.frontends.logmel import LogMel

    network = random_network(name)
    contract = contract_of(parse(name, classes=20), LogMel())
    rewritten = static(network) if network.shape.dynamic else network
    source = Source(folder=path.parent, network=rewritten, contract=contract)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's notice of its successor
        traced, _ = conversion.trace(source, contract)
    onnx.save_model(conversion.fold(conversion.simplify(traced)), str(path))
    return network, contract


def sides_of(path: Path, network: torch.nn.Module, mel: np.ndarray) -> dict[str, Side]:
    """The three ways to run one input."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    engine, given = FloatEngine.load(path), torch.from_numpy(mel)
    return {
        "numpy": lambda: engine.run({"mel": mel}),
        "onnxruntime": lambda: session.run(None, {"mel": mel}),
        "torch": lambda: network(given),
    }


def timed(sides: dict[str, Side], runs: int) -> dict[str, np.ndarray]:
    """Side -> (runs, 2): milliseconds of wall and of processor, in turns."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    with torch.inference_mode():
        for _ in range(WARM_UP + runs):
            for name, side in sides.items():
                start = time.perf_counter(), time.process_time()
                side()
                taken[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return {name: 1e3 * np.asarray(times[WARM_UP:]) for name, times in taken.items()}


def clips_a_second(path: Path, contract: InputContract, clips: int) -> dict[str, float]:
    """What runs for each clip -> clips in a second of the processor, by the float engine."""
    engine = FloatEngine.load(path)
    wav = path.with_suffix(".wav")
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, 2 * 44100).astype(np.float32)
    soundfile.write(wav, samples, 44100, subtype="PCM_16")
    resampled = soxr.resample(samples, 44100, 32000)
    [mel] = efficientat.chunks(resampled, contract)

    def loaded() -> Any:
        read, rate = soundfile.read(wav, dtype="float32")
        return heard(soxr.resample(read, rate, 32000))

    def heard(clip: np.ndarray) -> Any:
        [chunk] = efficientat.chunks(clip, contract)
        return engine.run(chunk)

    cases: dict[str, Side] = {
        "network alone": lambda: engine.run(mel),
        "front end and network": lambda: heard(resampled),
        "file, resampling, front end and network": loaded,
    }
    speeds = {}
    for name, case in cases.items():
        case()
        start = time.process_time()
        for _ in range(clips):
            case()
        speeds[name] = clips / (time.process_time() - start)
    return speeds


def main() -> int:
    """Every network asked for; 1 if mn10 is above its limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES, help="mn10, dymn20 and the like")
    parser.add_argument("--runs", type=int, default=20, help="timed runs of each side")
    parser.add_argument("--clips", type=int, default=20, help="clips of each speed")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    mel = np.random.default_rng(0).standard_normal((1, 1, 128, 200)).astype(np.float32)
    print(f"1 x 1 x 128 x 200, one thread, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    late = False
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.names:
            path = Path(folder) / f"{name}.onnx"
            network, contract = exported(name, path)
            times = timed(sides_of(path, network, mel), asked.runs)
            print(name)
            for side, ms in times.items():
                wall, cpu = ms.T
                print(
                    f"  {side:12} wall min {wall.min():7.2f} median {np.median(wall):7.2f} ms"
                    f"   cpu min {cpu.min():7.2f} ms"
                )
            ratio = times["numpy"][:, 1].min() / times["onnxruntime"][:, 1].min()
            late |= name == LIMITED and ratio > LIMIT
            limit = f" (at most {LIMIT:.1f})" if name == LIMITED else ""
            print(f"  numpy / onnxruntime, cpu min {ratio:.2f}{limit}")
            for case, speed in clips_a_second(path, contract, asked.clips).items():
                print(f"  {speed:7.1f} clips/s  {case}")
    return int(late)


if __name__ == "__main__":
    sys.exit(main())
