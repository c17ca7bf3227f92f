"""Checks of U2's exported graphs: each against its network, at several sizes, by three runtimes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import onnx
import onnxruntime as ort
import torch

from board_runner.contract import Array, InputContract, Tensors
from board_runner.engine import Engine
from board_runner.float_engine import FloatEngine
from board_runner.frontends.fbank import Fbank
from board_runner.graph import Graph
from board_runner.models import wenet
from board_runner.models.base import run_model
from board_runner.models.wenet_chunks import POSITIONS, Chunking
from deployer.export import checks
from deployer.export.checks import Check, Graphs, row
from deployer.export.conversion import OPSET
from deployer.export.wenet_source import WenetSource

SEED = 20260101
FIRST_FRAMES = 131
"""Feature frames of the first check: a chunk of 32 frames."""

CLIP_S = 3.0
"""Four chunks of 16 frames and the beginning of a fifth."""

LIMIT = 1e-5
"""Relative and absolute, for ONNX Runtime; the latter grows with the largest value once that exceeds 1."""

RUNNER_LIMIT = 1e-4


class Session:
    """An `Engine` over ONNX Runtime, one thread, of a model in memory."""

    def __init__(self, model: onnx.ModelProto) -> None:
        graph = Graph.from_onnx(model)
        self.inputs, self.outputs = graph.inputs, graph.outputs
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def run(self, inputs: Tensors) -> dict[str, Array]:
        """Outputs by name. Raises ModelError for inputs not the model's."""
        for spec in self.inputs:
            spec.check(inputs[spec.name])
        names = [spec.name for spec in self.outputs]
        return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far one array is from the one wanted, whether that is within a limit, and the largest value wanted."""

    name: str
    largest: float
    fits: bool
    values: float = 1.0

    @classmethod
    def of(cls, name: str, wanted: Array, got: Array, limit: float) -> Difference:
        """`limit` is relative to each value, and to the largest one where that is above 1."""
        if wanted.shape != got.shape:
            shapes = f"{name} is {list(got.shape)}, wants {list(wanted.shape)}"
            return cls(name=shapes, largest=np.inf, fits=False)
        values = float(np.abs(wanted).max(initial=0.0))
        # Rounding grows with what is summed.
        fits = bool(np.allclose(got, wanted, rtol=limit, atol=limit * max(1.0, values)))
        largest = float(np.abs(got - wanted).max(initial=0.0))
        return cls(name=name, largest=largest, fits=fits, values=values)


def verify(source: WenetSource, graphs: Graphs) -> list[Check]:
    """A row for every check of the three graphs, failed ones included."""
    contracts = source.contracts
    rows = [
        checks.checker(graphs),
        checks.opset_as_asked(graphs, OPSET),
        operators_known(graphs),
        names_and_axes(graphs, contracts),
        checks.no_duplicate_weights(graphs),
        checks.no_shared_weights(graphs),
        checks.constant_convolutions(graphs),
        contracts_stored(graphs, contracts),
    ]
    try:
        engines = {name: Session(model) for name, model in graphs.items()}
    except Exception as e:  # the runtime's errors share no base class
        return [*rows, Check(name="ONNX Runtime loads them", passed=False, detail=str(e).splitlines()[0])]
    clip = test_clip(contracts["encoder"])
    rows += [
        guarded("first chunk without caches", partial(first_chunk, source, engines["encoder"])),
        *(
            guarded(f"chunk by chunk, {_told(left)}", partial(stream, source, engines["encoder"], clip, left))
            for left in (-1, 2, 0)
        ),
        guarded("dummy frames unused", partial(dummies_unused, source, engines["encoder"])),
        guarded("CTC and decoder", partial(scorers, source, engines, LIMIT)),
    ]
    runner = {name: FloatEngine(Graph.from_onnx(model)) for name, model in graphs.items()}
    return [
        *rows,
        guarded(
            "float engine, chunk by chunk", partial(stream, source, runner["encoder"], clip, 1, RUNNER_LIMIT)
        ),
        guarded("float engine, CTC and decoder", partial(scorers, source, runner, RUNNER_LIMIT)),
    ]


def operators_known(graphs: Graphs) -> Check:
    """The runner must have every operator of every graph."""
    rows = [checks.operators_known({name: model}) for name, model in graphs.items()]
    return row("operators known", (one.detail for one in rows if not one.passed), "all")


def names_and_axes(graphs: Graphs, contracts: Mapping[str, InputContract]) -> Check:
    """Inputs and outputs are the contract's, sizes that it leaves free have names, others are constant."""
    faults = []
    for name, model in graphs.items():
        graph, contract = Graph.from_onnx(model), contracts[name]
        if (graph.inputs, graph.outputs) != (contract.inputs, contract.outputs):
            faults.append(f"{name}: {[*graph.inputs, *graph.outputs]} are not what the contract says")
        dims = [d for v in (*model.graph.input, *model.graph.output) for d in v.type.tensor_type.shape.dim]
        faults += [f"{name}: an axis without a name" for d in dims if not (d.dim_value or d.dim_param)]
    return row("names and axes", faults, "as in the contracts")


def contracts_stored(graphs: Graphs, contracts: Mapping[str, InputContract]) -> Check:
    """Each graph must say by itself what it expects."""
    rows = [checks.contract_stored({name: model}, contracts[name]) for name, model in graphs.items()]
    return row("input contracts stored", (one.detail for one in rows if not one.passed), "in all three")


def first_chunk(source: WenetSource, encoder: Engine) -> Iterator[Difference]:
    """The network without any cache, against the graph with dummy frames: output and caches from frame 1 on."""
    feats = np.random.default_rng(SEED).standard_normal(
        (1, FIRST_FRAMES, source.network.shape.channels), np.float32
    )
    with torch.no_grad():
        y, caches = source.network.encoder.forward_chunk(torch.from_numpy(feats))
    got = encoder.run(_inputs(source, feats))
    wanted = (y, caches.subsampling, caches.layers, caches.convolutions)
    trimmed = (
        got[wenet.ENCODED][:, 1:],
        got["next_subsampling_cache"][:, 1:],
        got["next_layer_cache"][:, :, 1:],
        got["next_convolution_cache"],
    )
    for name, want, have in zip((wenet.ENCODED, *wenet.CACHES), wanted, trimmed, strict=True):
        yield Difference.of(name, want.numpy(), have, LIMIT)


def stream(
    source: WenetSource, encoder: Engine, clip: Array, left_chunks: int, limit: float = LIMIT
) -> Iterator[Difference]:
    """The runner's own loop over a clip, against the network without dummies, and against the whole clip at once.

    Chunk for chunk: the output and every cache. In the end: all frames, under the mask of the same chunks.
    """
    chunking = Chunking(frames=16, left_chunks=left_chunks)
    shape = source.network.shape
    contract = wenet.contract(chunking=chunking, width=shape.width, layers=shape.layers, kernel=shape.kernel)
    outputs = run_model(wenet, encoder, clip, contract)
    feats = torch.from_numpy(Fbank(channels=shape.channels).features(clip))[None]
    network, offset, caches = source.network.encoder, 0, None
    for i, (got, (_, window)) in enumerate(
        zip(outputs, chunking.windows(feats.size(1)), strict=True), start=1
    ):
        with torch.no_grad():
            y, caches = network.forward_chunk(feats[:, window], offset, caches, chunking.kept)
        offset += y.size(1)
        yield Difference.of(f"chunk {i}", y.numpy(), got[wenet.ENCODED][:, 1:], limit)
        layers = got["next_layer_cache"][:, :, 1:]
        yield Difference.of(f"layer cache {i}", caches.layers.numpy(), layers, limit)
        kept = got["next_subsampling_cache"][:, 1:]
        yield Difference.of(f"subsampling cache {i}", caches.subsampling.numpy(), kept, limit)
        states = got["next_convolution_cache"]
        yield Difference.of(f"convolution cache {i}", caches.convolutions.numpy(), states, limit)
    with torch.no_grad():
        whole = network(feats, chunking.frames, left_chunks).numpy()
    together = np.concatenate([got[wenet.ENCODED][:, 1:] for got in outputs], axis=1)
    yield Difference.of("whole clip", whole, together, limit)


def dummies_unused(source: WenetSource, encoder: Engine) -> Iterator[Difference]:
    """Whatever stands in the dummy frames, even what is no number, every other frame comes out the same."""
    shape = source.network.shape
    feats = np.random.default_rng(SEED).standard_normal((1, 35, shape.channels), np.float32)
    inputs = _inputs(source, feats)
    other = {**inputs, "subsampling_cache": inputs["subsampling_cache"] + np.float32(np.nan)}
    other["layer_cache"] = inputs["layer_cache"] + np.float32(np.nan)
    plain, changed = encoder.run(inputs), encoder.run(other)
    yield Difference.of("output", plain[wenet.ENCODED][:, 1:], changed[wenet.ENCODED][:, 1:], 0.0)
    yield Difference.of(
        "layer cache", plain["next_layer_cache"][:, :, 1:], changed["next_layer_cache"][:, :, 1:], 0.0
    )


def scorers(source: WenetSource, engines: Mapping[str, Engine], limit: float) -> Iterator[Difference]:
    """CTC and decoder at two sizes each, none of them those they were traced at."""
    network, rng = source.network, np.random.default_rng(SEED)
    for frames, hypotheses, length in ((1, 1, 1), (23, 4, 7)):
        encoded = rng.standard_normal((1, frames, network.shape.width), np.float32)
        tokens = rng.integers(0, network.shape.tokens, (hypotheses, length))
        with torch.no_grad():
            ctc = network.ctc(torch.from_numpy(encoded)).numpy()
            decoder = network.decoder(torch.from_numpy(encoded), torch.from_numpy(tokens)).numpy()
        got = engines["ctc"].run({wenet.ENCODED: encoded})[wenet.LOG_PROBS]
        yield Difference.of(f"CTC of {frames} frames", ctc, got, limit)
        got = engines["decoder"].run({wenet.ENCODED: encoded, wenet.TOKENS: tokens})[wenet.LOG_PROBS]
        yield Difference.of(f"decoder of {hypotheses} x {length} tokens", decoder, got, limit)


def _inputs(source: WenetSource, feats: Array) -> dict[str, Array]:
    """A first chunk's inputs."""
    return {
        wenet.FEATS: feats,
        wenet.OFFSET: np.array([1]),
        wenet.KEEP: np.array([POSITIONS]),
        **wenet.empty_caches(source.contracts["encoder"]),
    }


def test_clip(contract: InputContract, seconds: float = CLIP_S) -> Array:
    """A sweep in noise: features that change from frame to frame."""
    t = np.arange(round(seconds * contract.sample_rate_hz)) / contract.sample_rate_hz
    noise = np.random.default_rng(SEED).standard_normal(t.size)
    return (0.3 * np.sin(2 * np.pi * (80 * t + 500 * t * t)) + 0.02 * noise).astype(np.float32)


def _told(left_chunks: int) -> str:
    return "all history" if left_chunks < 0 else f"{left_chunks} chunks of history"


def guarded(name: str, differences: Callable[[], Iterator[Difference]]) -> Check:
    """One row of all these differences; what goes wrong on the way is a row that failed."""
    try:
        found = list(differences())
    except Exception as e:  # the runtime's errors share no base class
        return Check(name=name, passed=False, detail=str(e).splitlines()[0])
    worst = max(found, key=lambda one: one.largest)
    good = (
        f"largest difference {worst.largest:.2g} ({worst.name}, values up to {worst.values:.3g}) "
        f"of {len(found)} comparisons"
    )
    return row(name, (f"{one.name} differs by {one.largest:.2g}" for one in found if not one.fits), good)
