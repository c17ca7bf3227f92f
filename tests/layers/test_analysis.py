"""Two stages held against each other, by our own engines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from board_runner import engine
from board_runner.contract import Array
from board_runner.errors import UsageError
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph
from board_runner.integer.engine import IntegerEngine
from board_runner.integer.layers import Layers
from deployer.events import ignore
from deployer.layers.analysis import Pair, analyse
from deployer.layers.shown import EngineStage
from tests.quant import small


def _engine(path: Path) -> FloatEngine | IntegerEngine:
    found = engine.load(path)
    assert isinstance(found, FloatEngine | IntegerEngine)
    return found


@pytest.fixture(scope="session")
def pair(converted: Path) -> Pair:
    """Float against fixed."""
    fixed = _engine(converted / "eat_fixed.sim")
    assert isinstance(fixed, IntegerEngine)
    layers = Layers(fixed.program)
    return Pair(
        reference=EngineStage("float", _engine(converted / "eat_float.sim"), detail="ours"),
        candidate=EngineStage("fixed", fixed, detail="ours"),
        input_name="images",
        sources={name: layers.sources(name) for name in layers.names},
        alone=layers,
    )


def _clips(count: int) -> dict[str, Array]:
    return {f"{index}.wav": sound["images"] for index, sound in enumerate(small.sounds(count))}


def test_accumulated_is_the_candidates_chain_and_single_the_layer_alone(pair: Pair) -> None:
    """Each figure is what numpy gives for the tensors of the two engines, and for the layer fed with float's."""
    ((clip, tensor),) = _clips(1).items()
    report = analyse(pair, {clip: tensor}, emit=ignore)
    with pair.reference.show(clip, tensor) as shown_b, pair.candidate.show(clip, tensor) as shown_a:
        b, a = shown_b.tensors["sum"].astype(float), shown_a.tensors["sum"].astype(float)
        assert pair.alone is not None
        alone = pair.alone.run("sum", {name: shown_b.tensors[name] for name in pair.alone.sources("sum")})

    (row,) = [row for row in report.rows if row.name == "sum"]

    assert np.abs(a - b).sum() / np.abs(b).sum() == pytest.approx(row.accumulated.rmse)
    assert row.single is not None
    assert np.square(alone - b).mean() == pytest.approx(row.single.mse)
    assert row.single.noise_ratio < row.accumulated.noise_ratio
    assert ("a3", "c4") == row.sources
    assert clip == row.worst_clip


def test_more_clips_are_summed_and_the_worst_is_named(pair: Pair) -> None:
    """A layer's MSE over clips of one size is the mean of the clips' own."""
    clips = _clips(3)
    whole = analyse(pair, clips, emit=ignore)
    parts = {clip: analyse(pair, {clip: tensor}, emit=ignore) for clip, tensor in clips.items()}

    for index, row in enumerate(whole.rows):
        errors = {clip: part.rows[index].accumulated for clip, part in parts.items()}
        assert np.mean([e.mse for e in errors.values()]) == pytest.approx(row.accumulated.mse)
        assert max(errors, key=lambda clip: errors[clip].noise_ratio) == row.worst_clip


def test_every_layer_of_the_candidate_is_there_in_order(pair: Pair) -> None:
    """The input's own quantisation first; nothing is dropped."""
    report = analyse(pair, _clips(1), emit=ignore)

    assert pair.alone is not None
    assert pair.alone.names == tuple(row.name for row in report.rows)
    assert ("images", "quantize") == (report.rows[0].name, report.rows[0].op)
    assert () == report.only_candidate == report.shapes_differ


def _renamed(graph: Graph, old: str, new: str) -> Graph:
    nodes = tuple(
        replace(
            node,
            inputs=tuple(new if name == old else name for name in node.inputs),
            outputs=tuple(new if name == old else name for name in node.outputs),
        )
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes)


def test_tensors_of_one_side_only_are_listed(pair: Pair) -> None:
    """By name and operator; and the layer that reads one is judged by what that one reads."""
    other = EngineStage("float", FloatEngine(_renamed(small.graph(), "a1", "renamed")), detail="ours")
    report = analyse(replace(pair, reference=other), _clips(1), emit=ignore)

    assert [("renamed", "LeakyRelu")] == [(item.name, item.op) for item in report.only_reference]
    assert [("a1", "leaky")] == [(item.name, item.op) for item in report.only_candidate]
    rows = {row.name: row for row in report.rows}
    assert ("c1",) == rows["c2"].sources
    assert rows["c2"].single is None
    assert rows["c3"].single is not None


def test_two_models_without_a_common_layer_are_refused(pair: Pair) -> None:
    """No table of nothing."""
    graph = small.graph()
    for node in graph.nodes:
        for name in node.outputs:
            graph = _renamed(graph, name, f"other_{name}")
    graph = replace(graph, outputs=(replace(graph.outputs[0], name="other_output"),))
    candidate = EngineStage("onnx", FloatEngine(graph), detail="ours")

    with pytest.raises(UsageError, match="no layer of the same name"):
        analyse(replace(pair, candidate=candidate, alone=None), _clips(1), emit=ignore)
