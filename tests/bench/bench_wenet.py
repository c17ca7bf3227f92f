"""Time WeNet's U2 chunk by chunk: ONNX Runtime, TorchScript and the float engine, one thread each, in turns.

    python tests/bench/bench_wenet.py [--runs 10] [--seconds 20] [--chunk 32]

The encoder of full size with random weights, as `deploy export` traces it; needs the extra [export]. The first
table has one chunk after histories of several lengths. The second has whole clips: features, encoder, CTC and
greedy search, with all history and with bounded ones. CPU time is printed beside wall time: on a busy machine it
is the one to believe. Exit status 1 if the runtimes disagree.
"""
# ruff: noqa: E402 - the BLAS library reads its thread count once, when numpy is imported

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import torch

from board_runner.contract import Array, Tensors, TensorSpec
from board_runner.engine import Engine
from board_runner.float_engine import FloatEngine
from board_runner.frontends.fbank import Fbank
from board_runner.graph import Graph
from board_runner.models import wenet
from board_runner.models.base import run_model
from board_runner.models.wenet import CACHES, Joined
from board_runner.models.wenet_chunks import Chunking
from deployer.export import wenet_onnx
from deployer.export.wenet_checks import Session
from deployer.export.wenet_graphs import StreamingEncoder
from deployer.export.wenet_sizes import WenetShape, multiplications
from deployer.export.wenet_source import U2, WenetSource

HISTORIES = (0, 64, 128, 224, 352)
"""Frames kept before the chunk that is timed."""

LEFT_CHUNKS = (0, 1, 4, 8, -1)
AGREE = 1e-4
FRAME_S = 0.04


class TorchScript:
    """The streaming encoder, traced and frozen, as an `Engine`."""

    def __init__(self, network: StreamingEncoder, graph: Graph) -> None:
        self.inputs: tuple[TensorSpec, ...] = graph.inputs
        self.outputs: tuple[TensorSpec, ...] = graph.outputs
        free = {"feats": 35}  # every cache: 4
        sizes = [[d if d >= 0 else free.get(s.name, 4) for d in s.shape] for s in graph.inputs]
        example = tuple(
            torch.full(size, 6) if spec.dtype == "int64" else torch.randn(size)
            for spec, size in zip(graph.inputs, sizes, strict=True)
        )
        with torch.no_grad():
            self._module = torch.jit.freeze(torch.jit.trace(network, example).eval())

    def run(self, inputs: Tensors) -> dict[str, Array]:
        """Outputs by name."""
        with torch.inference_mode():
            made = self._module(*(torch.from_numpy(inputs[spec.name]) for spec in self.inputs))
        return {spec.name: value.numpy() for spec, value in zip(self.outputs, made, strict=True)}


@dataclass(frozen=True, kw_only=True)
class Times:
    """Of one runtime: wall and CPU times of the same runs."""

    wall_ms: Sequence[float]
    cpu_ms: Sequence[float]

    @property
    def told(self) -> str:
        """CPU minimum, wall minimum and median."""
        return f"{min(self.cpu_ms):.1f} / {min(self.wall_ms):.1f} / {np.median(self.wall_ms):.1f}"


def in_turns(sides: Mapping[str, Callable[[], object]], runs: int, warm_up: int = 2) -> dict[str, Times]:
    """Each side once, then each again: what slows the machine slows them all."""
    wall: dict[str, list[float]] = {name: [] for name in sides}
    cpu: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(warm_up + runs):
        for name, side in sides.items():
            start, cpu_start = time.perf_counter(), time.process_time()
            side()
            if turn >= warm_up:
                wall[name].append(1e3 * (time.perf_counter() - start))
                cpu[name].append(1e3 * (time.process_time() - cpu_start))
    return {name: Times(wall_ms=wall[name], cpu_ms=cpu[name]) for name in sides}


def one_chunk(engines: Mapping[str, Engine], shape: WenetShape, chunk: int, runs: int) -> float:
    """The first table, a row a history; gives the largest difference between runtimes."""
    rng, apart = np.random.default_rng(0), 0.0
    print(f"\n{chunk} frames ({chunk * FRAME_S:.2f} s) after a history; ms, CPU min / wall min / wall p50\n")
    print(f"| history | GMAC | {' | '.join(engines)} | ONNX Runtime against TorchScript | RTF |")
    print(f"| ---: | ---: | {'---: | ' * len(engines)}---: | ---: |")
    for history in HISTORIES:
        inputs = {
            "feats": rng.standard_normal((1, 4 * chunk + 3, shape.channels), np.float32),
            "offset": np.array([history + 1]),
            "keep": np.array([history + chunk]),
            **{
                spec.name: rng.standard_normal([history + 1 if d < 0 else d for d in spec.shape], np.float32)
                for spec in engines["ONNX Runtime"].inputs
                if spec.name in CACHES
            },
        }
        results = [engine.run(inputs)["encoded"][:, 1:] for engine in engines.values()]
        apart = max(apart, *(float(np.abs(one - results[0]).max()) for one in results))
        sides = {name: _side(engine, inputs) for name, engine in engines.items()}
        times = in_turns(sides, runs)
        ours, theirs = (min(times[name].cpu_ms) for name in ("ONNX Runtime", "TorchScript"))
        work = multiplications(shape, frames=chunk, history=history) / 1e9
        print(
            f"| {history} | {work:.3f} | {' | '.join(one.told for one in times.values())} "
            f"| {100 * (ours / theirs - 1):+.0f} % | {ours / 1e3 / (chunk * FRAME_S):.3f} |",
            flush=True,
        )
    return apart


def _side(engine: Engine, inputs: Tensors) -> Callable[[], object]:
    return lambda: engine.run(inputs)


class Clocked:
    """An engine that notes the time of each run."""

    def __init__(self, engine: Engine) -> None:
        self.inputs, self.outputs = engine.inputs, engine.outputs
        self._engine = engine
        self.cpu_ms: list[float] = []

    def run(self, inputs: Tensors) -> Tensors:
        """As the engine does."""
        start = time.process_time()
        made = self._engine.run(inputs)
        self.cpu_ms.append(1e3 * (time.process_time() - start))
        return made


def whole_clips(engines: Mapping[str, Engine], ctc: Engine, chunk: int, seconds: float) -> None:
    """The second table, a row a runtime and a bound of the history."""
    samples = (np.random.default_rng(1).standard_normal(round(16000 * seconds)) * 0.1).astype(np.float32)
    waits = (Fbank().window + (4 * chunk + 2) * Fbank().stride) / 16000
    print(
        f"\n{seconds:.0f} s in chunks of {chunk} frames; the first is there after {waits:.3f} s; CPU times\n"
    )
    print(
        "| runtime | left chunks | kept frames | first chunk, ms | first text after, s | slowest, ms | RTF |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for left in LEFT_CHUNKS:
        contract = wenet.contract(chunking=Chunking(frames=chunk, left_chunks=left))
        for name, engine in engines.items():
            clocked = Clocked(Joined(engine, ctc))
            start = time.process_time()
            outputs = run_model(wenet, clocked, samples, contract)
            wenet.decode(outputs)
            total = time.process_time() - start
            kept = outputs[-1]["next_layer_cache"].shape[2] - 1
            first, slowest = clocked.cpu_ms[0], max(clocked.cpu_ms)
            print(
                f"| {name} | {'all' if left < 0 else left} | {kept} | {first:.1f} | {waits + first / 1e3:.3f} "
                f"| {slowest:.1f} | {total / seconds:.3f} |",
                flush=True,
            )


@contextmanager
def quiet() -> Iterator[None]:
    """Without the exporter's notices of its successor."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def main() -> int:
    """Both tables; 1 if the runtimes disagree."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10, help="timed runs of each runtime and history")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the clip")
    parser.add_argument("--chunk", type=int, default=32, help="encoder frames a chunk")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    shape = WenetShape()
    network = U2(shape).eval()
    source = WenetSource(folder=Path(), network=network, chunking=Chunking())
    with quiet():
        graphs, _ = wenet_onnx.trace(source)
        encoder = Graph.from_onnx(graphs["encoder"])
        engines: dict[str, Engine] = {
            "ONNX Runtime": Session(graphs["encoder"]),
            "TorchScript": TorchScript(StreamingEncoder(network.encoder).eval(), encoder),
            "float engine": FloatEngine(encoder),
        }
    print(
        f"{source.parameters} parameters; one thread, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    apart = one_chunk(engines, shape, asked.chunk, asked.runs)
    whole_clips(engines, Session(graphs["ctc"]), asked.chunk, asked.seconds)
    print(f"\nlargest difference between the runtimes: {apart:.1e}; load {os.getloadavg()[0]:.1f} at the end")
    return int(apart > AGREE)


if __name__ == "__main__":
    sys.exit(main())
