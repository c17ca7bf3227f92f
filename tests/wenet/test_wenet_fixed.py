"""The streaming recogniser in integers: state carried as it is, fixed and offline alike, beside ONNX Runtime's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from board_runner.contract import Array
from board_runner.engine import load
from board_runner.graph import Graph, Node
from board_runner.integer import exact, image
from board_runner.integer.engine import IntegerEngine, OfflineEngine
from board_runner.models import wenet
from board_runner.models.base import run_model, runs
from board_runner.quant import calibration, carried, patterns, quant_file, quant_info, scheme
from board_runner.quant.fixed_engine import FixedEngine
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.settings import QuantSettings
from tests.quant import apart
from tests.wenet.streams import Streamed, scales, sqnr_db, with_noise

pytestmark = pytest.mark.torch


def _graph(nodes: list[Node], names: Mapping[str, int]) -> Graph:
    """Float tensors (1, n, 2): `names` are inputs, `y` and `next_cache` outputs."""
    from board_runner.contract import TensorSpec

    def spec(name: str, size: int) -> TensorSpec:
        return TensorSpec(name=name, dtype="float32", shape=(1, size, 2))

    inputs = tuple(spec(name, size) for name, size in names.items())
    outputs = (spec("y", 5), spec("next_cache", names["cache"]))
    cut = {"s": np.array([2]), "e": np.array([5]), "a": np.array([1])}
    return Graph(nodes=tuple(nodes), inputs=inputs, outputs=outputs, initializers=cut, opset=21)


def _node(op: str, inputs: str, output: str, **attributes: int) -> Node:
    return Node(
        op_type=op, name=output, inputs=tuple(inputs.split()), outputs=(output,), attributes=attributes
    )


def test_a_cache_has_one_range_with_all_that_flows_into_it() -> None:
    """By hand: cache and what is joined with it share one, what is computed of them keeps its own."""
    graph = _graph(
        [
            _node("Relu", "x", "r"),
            _node("Transpose", "r", "t"),
            _node("Concat", "cache t", "j", axis=1),
            _node("Slice", "j s e a", "next_cache"),
            _node("Sigmoid", "j", "y"),
        ],
        {"x": 2, "cache": 3},
    )
    ranges = {"x": (-9.0, 9.0), "cache": (0.0, 3.0), "r": (0.0, 4.0), "j": (-1.0, 4.0), "y": (0.0, 1.0)}
    assert [frozenset({"cache", "j", "r"})] == carried.groups(graph)
    one = (-1.0, 4.0)
    assert {**ranges, "cache": one, "r": one, "j": one} == carried.tied(graph, ranges)
    assert ["y"] == carried.answers(graph)


def test_an_output_of_another_shape_is_no_state() -> None:
    """What cannot go in again is an answer like any other."""
    graph = _graph([_node("Relu", "x", "next_cache"), _node("Relu", "x", "y")], {"x": 2, "cache": 3})
    from dataclasses import replace

    narrow = replace(graph, outputs=(graph.outputs[0], replace(graph.outputs[1], shape=(1, 2, 2))))
    assert ({}, ["y", "next_cache"]) == (carried.pairs(narrow), carried.answers(narrow))


@pytest.mark.parametrize("bits", [8, 16])
def test_state_goes_round_without_a_rounding(fixed: dict[int, Path], streamed: Streamed, bits: int) -> None:
    """Every cache and its successor have one scale, and the levels that go in are those that came out."""
    known, engine = scales(fixed[bits]), FixedEngine(Graph.load(fixed[bits]))
    fed = carried.pairs(Graph.load(streamed.onnx))
    assert {f"next_{kind}_{i}" for kind in ("cache", "state") for i in range(3)} == set(fed)
    assert all(engine.output_scales[out] == np.float32(known[f"{name}/q"]) for out, name in fed.items())

    before: dict[str, Array] = {}
    for given, _ in runs(wenet, engine, streamed.clips[0][:32000], streamed.contract):
        levels = {step.name: value for step, value in engine.trace(given) if step.op == "quantize"}
        assert all(np.array_equal(levels[fed[out]], value) for out, value in before.items())
        before = {out: value for out, value in engine.run_raw(given).items() if out in fed}
    assert before and all(np.abs(value).max() > 1000 for value in before.values())


@pytest.mark.parametrize("bits", [8, 16])
def test_offline_is_fixed_bit_for_bit_chunk_after_chunk(
    fixed: dict[int, Path], streamed: Streamed, bits: int
) -> None:
    """Eight chunks of two clips, answers and state: the image, the fixed model, and integers alone."""
    fixed_engine = load(fixed[bits])
    offline = OfflineEngine.load(fixed[bits].with_suffix(".img"))
    for clip in streamed.clips:
        wanted, got = (run_model(wenet, e, clip, streamed.contract) for e in (fixed_engine, offline))
        assert 8 == len(wanted) == len(got)
        for a, b in zip(wanted, got, strict=True):
            assert all(np.array_equal(value, b[name]) for name, value in a.items())
    alone = IntegerEngine(image.read(fixed[bits].with_suffix(".img")).program, prepare=exact.prepare)
    *_, (given, last) = runs(wenet, offline, streamed.clips[0][:24000], streamed.contract)
    assert all(np.array_equal(value, last[name]) for name, value in alone.run(given).items())


@pytest.mark.parametrize("bits", [8, 16])
def test_what_is_hidden_is_never_used_in_integers(
    fixed: dict[int, Path], streamed: Streamed, bits: int
) -> None:
    """Noise in caches that are not there yet changes no level of any frame; seen, it does."""
    engine = FixedEngine(Graph.load(fixed[bits]))
    first = next(wenet.chunks(streamed.clips[0], streamed.contract))
    plain, noisy = engine.run_raw(first), engine.run_raw(with_noise(first, 1))
    seen = engine.run_raw({**with_noise(first, 1), "hidden": np.zeros_like(first["hidden"])})
    for name in ("logits", "encoded"):
        assert np.array_equal(plain[name], noisy[name]) and not np.array_equal(plain[name], seen[name])


@pytest.mark.parametrize("bits", [8, 16])
def test_every_layer_is_within_one_level_of_onnxruntime(
    fixed: dict[int, Path], streamed: Streamed, bits: int
) -> None:
    """Another runtime, one layer at a time, fed with the simulator's own input: with history and without."""
    first, *_, last = streamed.chunks
    share, worst = apart.shares(fixed[bits], [first, last])
    assert max(worst.values()) <= 1, max(worst, key=lambda name: worst[name])
    assert share < 0.005


def test_not_below_static_quantisation_of_onnxruntime(fixed: dict[int, Path], streamed: Streamed) -> None:
    """The same graph, scheme and chunks, each stream carrying its own state: not below its SQNR minus 1 dB."""
    reference = streamed.reference
    eight, sixteen = (sqnr_db(reference, streamed.logits(load(fixed[bits]))) for bits in (8, 16))
    assert sqnr_db(reference, streamed.logits(streamed.theirs("conv8"))) - 1 < eight
    assert sqnr_db(reference, streamed.logits(streamed.theirs("conv16"))) - 1 < sixteen
    assert eight + 20 < sixteen


def test_noise_does_not_grow_with_the_clip(fixed: dict[int, Path], streamed: Streamed) -> None:
    """What state carries on is no worse at the clip's end than where its history has just filled up."""
    engine = load(fixed[16])
    pairs = [
        [run_model(wenet, e, clip, streamed.contract) for e in (streamed.float_engine, engine)]
        for clip in streamed.clips
    ]
    early, late = (
        sqnr_db([p[0][at]["logits"] for p in pairs], [p[1][at]["logits"] for p in pairs]) for at in (3, 6)
    )
    assert early - 6 < late


def test_saved_entries_give_the_same_model_from_other_chunks(
    fixed: dict[int, Path], streamed: Streamed, tmp_path: Path
) -> None:
    """A quant_file holds the shared ranges too: the same bytes, calibrated on one chunk alone."""
    graph = patterns.rewrite(Graph.load(streamed.onnx))
    measured = calibration.measure(graph, streamed.chunks, passes=1)
    decided = scheme.decide(graph, measured, QuantSettings())
    quant_file.write(tmp_path / "q.json", quant_info.entries(graph, decided))
    again = QuantSettings(overrides=quant_file.read(tmp_path / "q.json"))
    write_fixed(
        streamed.folder / "float.sim", tmp_path / "x.sim", samples=streamed.chunks[:1], settings=again
    )
    assert fixed[8].read_bytes() == (tmp_path / "x.sim").read_bytes()


def test_l5_names_and_widens_what_loses_most(streamed: Streamed) -> None:
    """Between 8 and 16 bits: the inputs above the threshold, told by name, and the stream is better for it."""
    path = streamed.folder / "mixed.sim"
    settings = QuantSettings(level="L5", sensitivity_threshold=0.003)
    made = write_fixed(streamed.onnx, path, samples=streamed.chunks, settings=settings)
    assert "/subsampling/Relu_output_0" in made.upgraded
    assert 0 < len(made.upgraded) < len(made.sites)
    plain = streamed.fixed("L3", QuantSettings(level="L3"))
    reference = streamed.reference
    mixed, eight = (sqnr_db(reference, streamed.logits(load(p))) for p in (path, plain))
    assert eight + 6 < mixed
