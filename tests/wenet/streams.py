"""Real sound at the recogniser's rate, its graph in other forms, and how far a stream is from float's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from scipy.signal import resample_poly

import board_runner
from board_runner import audio
from board_runner.contract import Array, InputContract, Tensors
from board_runner.engine import Engine, load
from board_runner.graph import Graph
from board_runner.models import wenet
from board_runner.models.base import run_model
from board_runner.models.wenet_chunks import Chunking
from board_runner.quant import streaming
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.float_sim import write_float
from board_runner.quant.settings import QuantSettings
from tests.quant import ort_static

CLIPS = sorted((Path(board_runner.__file__).parent / "data" / "clips").glob("*.wav"))


def sound(path: Path, seconds: float) -> Array:
    """A shipped clip's beginning, from 22.05 kHz to 16 kHz."""
    samples = audio.require(audio.read_wav(path), 22050)
    return np.asarray(resample_poly(samples, 320, 441)[: int(16000 * seconds)], np.float32)


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """A recogniser's graph of fixed sizes in `folder`, its clips, and the float engine over it."""

    folder: Path
    contract: InputContract
    clips: tuple[Array, ...]

    @property
    def onnx(self) -> Path:
        """As exported."""
        return self.folder / "wenet_static.onnx"

    @cached_property
    def float_engine(self) -> Engine:
        """What all else is held against."""
        return load(self.onnx)

    @cached_property
    def chunks(self) -> tuple[Tensors, ...]:
        """What calibrates: every chunk of every clip."""
        return tuple(streaming.samples(wenet, self.float_engine, lambda: self.clips, self.contract)())

    @cached_property
    def reference(self) -> list[Array]:
        """Float's logits of each clip."""
        return self.logits(self.float_engine)

    def fixed(self, name: str, settings: QuantSettings) -> Path:
        """Quantised and compiled as `name`.sim and `name`.img; gives the former."""
        path = self.folder / f"{name}.sim"
        write_float(self.onnx, self.folder / "float.sim")
        write_fixed(self.folder / "float.sim", path, samples=self.chunks, settings=settings)
        write_image(path, path.with_suffix(".img"), chip="pcupid")
        return path

    def theirs(self, wanted: ort_static.Scheme) -> Engine:
        """The same graph, calibrated on the same chunks, by ONNX Runtime; it carries its own state."""
        path = self.folder / f"ort {wanted}.onnx"
        ort_static.write_static(self.onnx, path, self.chunks, wanted)
        return OrtPlain(path, self.contract)

    def logits(self, engine: Engine) -> list[Array]:
        """Of each clip, its chunks joined."""
        return [wenet.joined(run_model(wenet, engine, clip, self.contract), "logits") for clip in self.clips]


class OrtPlain:
    """ONNX Runtime without optimisations, one thread."""

    def __init__(self, path: Path, contract: InputContract) -> None:
        import onnxruntime

        self.inputs, self.outputs = contract.inputs, contract.outputs
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, inputs: Tensors) -> dict[str, Array]:
        """Once."""
        names = [spec.name for spec in self.outputs]
        return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))


def write(folder: Path, network: Any, chunking: Chunking, clips: Sequence[Array]) -> Streamed:
    """Trace `network` at fixed sizes into `folder`."""
    from deployer.export import wenet_static
    from deployer.export.wenet_source import WenetSource

    source = WenetSource(folder=folder, network=network, chunking=chunking)
    contract = wenet_static.contract_of(source, chunking)
    graph, _ = wenet_static.trace(source, contract)
    onnx.save(graph, str(folder / "wenet_static.onnx"))
    return Streamed(folder=folder, contract=contract, clips=tuple(clips))


def sqnr_db(reference: Sequence[Array], other: Sequence[Array]) -> float:
    """10 log10 of the reference's energy by that of the difference, over all clips."""
    a, b = (np.concatenate([x.ravel() for x in some]).astype(np.float64) for some in (reference, other))
    return float(10 * np.log10(np.square(a).sum() / np.square(a - b).sum()))


def scales(path: Path) -> dict[str, float]:
    """Scale of every tensor of a fixed model, by the name of its levels."""
    graph = Graph.load(path)
    return {
        node.outputs[0]: float(graph.initializers[node.inputs[1]])
        for node in graph.nodes
        if node.op_type == "QuantizeLinear"
    }


def with_noise(chunk: Tensors, seed: int) -> dict[str, Array]:
    """The chunk with other numbers in its caches."""
    rng = np.random.default_rng(seed)
    caches = {name: value for name, value in chunk.items() if name.startswith("cache_")}
    return {**chunk, **{k: rng.standard_normal(v.shape).astype(np.float32) for k, v in caches.items()}}
