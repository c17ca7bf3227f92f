"""Checks of U2's graph of fixed sizes: against the graphs of free sizes, and that nothing hidden is ever used."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import onnx

from board_runner.contract import InputContract, Tensors
from board_runner.engine import Engine
from board_runner.errors import ModelError
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph
from board_runner.models import wenet, wenet_static
from board_runner.models.base import run_model
from board_runner.quant import patterns
from deployer.export import checks
from deployer.export.checks import Check, Graphs
from deployer.export.conversion import OPSET
from deployer.export.wenet_checks import (
    LIMIT,
    RUNNER_LIMIT,
    SEED,
    Difference,
    Session,
    guarded,
    names_and_axes,
    operators_known,
    test_clip,
)


def verify(graph: onnx.ModelProto, contract: InputContract, free: Graphs) -> list[Check]:
    """A row for every check of the one graph, against `free`: encoder and CTC as they are exported beside it."""
    name = wenet_static.GRAPH
    only = {name: graph}
    rows = [
        checks.checker(only),
        checks.opset_as_asked(only, OPSET),
        operators_known(only),
        names_and_axes(only, {name: contract}),
        checks.constant_convolutions(only),
        checks.contract_stored(only, contract),
        has_integer_form(graph),
    ]
    try:
        engine = Session(graph)
        dynamic = wenet.Joined(Session(free["encoder"]), Session(free["ctc"]))
    except Exception as e:  # the runtime's errors share no base class
        rows.append(Check(name="ONNX Runtime loads it", passed=False, detail=str(e).splitlines()[0]))
    else:
        runner = FloatEngine(Graph.from_onnx(graph))
        rows += [
            guarded("chunk by chunk", partial(stream, engine, dynamic, contract)),
            guarded("hidden frames unused", partial(hidden_unused, engine, contract)),
            guarded(
                "float engine, chunk by chunk", partial(stream, runner, dynamic, contract, limit=RUNNER_LIMIT)
            ),
        ]
    return [Check(name=f"fixed sizes: {row.name}", passed=row.passed, detail=row.detail) for row in rows]


def has_integer_form(graph: onnx.ModelProto) -> Check:
    """Every operator, and the form that it is used in, must have instructions."""
    try:
        patterns.rewrite(Graph.from_onnx(graph))
    except ModelError as e:
        return Check(name="operators have an integer form", passed=False, detail=str(e))
    return Check(name="operators have an integer form", passed=True, detail="all")


def stream(
    engine: Engine, dynamic: Engine, contract: InputContract, *, limit: float = LIMIT
) -> Iterator[Difference]:
    """A clip of several chunks, the first without history and the last one shorter: frames, scores and caches."""
    chunking = wenet_static.chunking_of(contract)
    sizes = {spec.name: spec.shape for spec in (*contract.inputs, *contract.outputs)}
    layers = sum(name in sizes for name in map(wenet_static.cache, range(wenet_static.MOST_LAYERS)))
    width, state = sizes[wenet_static.state(0)][1:]
    free = wenet.contract(chunking=chunking, width=width, layers=layers, kernel=state + 1)
    seconds = (chunking.frames * (chunking.left_chunks + 2) + 5) * 0.04
    clip = test_clip(contract, seconds)
    pairs = zip(run_model(wenet, dynamic, clip, free), run_model(wenet, engine, clip, contract), strict=True)
    for i, (wanted, got) in enumerate(pairs, start=1):
        yield Difference.of(f"chunk {i}", wanted[wenet.ENCODED], got[wenet_static.ENCODED], limit)
        scores = wenet_static.log_softmax(got[wenet_static.LOGITS])
        yield Difference.of(f"scores {i}", wanted[wenet.LOG_PROBS], scores, limit)
        if got[wenet_static.LOGITS].shape[1] == chunking.frames:
            yield from _caches(i, wanted, got, layers, limit)


def _caches(number: int, wanted: Tensors, got: Tensors, layers: int, limit: float) -> Iterator[Difference]:
    """What is kept, but for the frames that are not there yet; the last layer's own output is not kept here."""
    before = [wanted["next_subsampling_cache"], *wanted["next_layer_cache"]]
    for layer in range(layers):
        kept = before[layer][:, 1:]  # without the dummy frame
        cache = got[f"next_{wenet_static.cache(layer)}"]
        yield Difference.of(f"cache {layer} of chunk {number}", kept, cache[:, -kept.shape[1] :], limit)
        state = wanted["next_convolution_cache"][layer]
        yield Difference.of(
            f"state {layer} of chunk {number}", state, got[f"next_{wenet_static.state(layer)}"], limit
        )


def hidden_unused(engine: Engine, contract: InputContract) -> Iterator[Difference]:
    """Whatever finite numbers stand in hidden frames, the frames of a first chunk come out bit for bit the same."""
    first = next(wenet_static.chunks(test_clip(contract, 3.0), contract))
    rng = np.random.default_rng(SEED)
    other = dict(first)
    for spec in contract.inputs:
        if spec.name.startswith("cache_"):
            other[spec.name] = rng.standard_normal(spec.shape, np.float32)
    hidden = first[wenet_static.HIDDEN].ravel() < 0
    other[wenet_static.PLACES] = first[wenet_static.PLACES] + hidden[None, :, None].astype(np.float32)
    plain, changed = engine.run(first), engine.run(other)
    for name in (wenet_static.LOGITS, wenet_static.ENCODED):
        yield Difference.of(name, plain[name], changed[name], 0.0)
