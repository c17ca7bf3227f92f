"""The fused 2-D convolutions against one function a node: any geometry, any activation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from board_runner.contract import TensorSpec
from board_runner.errors import ModelError
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph, Node
from board_runner.plan import planes
from board_runner.plan.fuse import fused

PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))


def conv_graph(
    shape: tuple[int, ...],
    weights: tuple[int, ...],
    *,
    pad: list[int] | None = None,
    bias: bool = True,
    after: str = "Relu",
    **attributes: Any,
) -> Graph:
    """Pad of zeros (top, left, bottom, right), Conv, activation; constants random but the same every time."""
    rng = np.random.default_rng(4)
    constants = {"w": rng.standard_normal(weights).astype(np.float32)}
    nodes, source = [], "x"
    if pad is not None:
        constants["pads"] = np.asarray([0, 0, *pad[:2], 0, 0, *pad[2:]], np.int64)
        nodes.append(Node(op_type="Pad", name="pad", inputs=("x", "pads"), outputs=("padded",)))
        source = "padded"
    inputs = (source, "w", "b") if bias else (source, "w")
    if bias:
        constants["b"] = rng.standard_normal(weights[0]).astype(np.float32)
    nodes.append(Node(op_type="Conv", name="conv", inputs=inputs, outputs=("c",), attributes=attributes))
    nodes.append(Node(op_type=after, name="act", inputs=("c",), outputs=("y",)))
    return Graph(
        nodes=tuple(nodes),
        initializers=constants,
        inputs=(TensorSpec(name="x", dtype="float32", shape=shape),),
        outputs=(TensorSpec(name="y", dtype="float32", shape=(-1,) * 4),),
        opset=13,
    )


def _both_agree(graph: Graph, steps: int = 1) -> None:
    """The fused program has so many steps and gives, twice over, what the plain one gives."""
    assert len(fused(graph, ("y",)).steps) == steps
    shape = graph.inputs[0].shape
    engine, plain = FloatEngine(graph), FloatEngine(graph, fused=False)
    for seed in (1, 2):  # the second run meets the first one's buffers
        x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
        ours, wanted = engine.run({"x": x})["y"], plain.run({"x": x})["y"]
        assert ours.shape == wanted.shape
        assert np.abs(ours - wanted).max(initial=0) < 1e-5 * max(1.0, float(np.abs(wanted).max(initial=0)))


@given(
    kind=st.sampled_from(["dense", "grouped", "depthwise", "multiplier"]),
    size=st.tuples(st.integers(6, 20), st.integers(6, 40)),
    kernel=PAIRS,
    strides=PAIRS,
    dilations=st.sampled_from([(1, 1), (1, 1), (2, 1), (2, 2)]),
    pads=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    how=st.sampled_from(["pads", "pad node", "SAME_UPPER", "SAME_LOWER", "VALID"]),
    batch=st.integers(1, 2),
    bias=st.booleans(),
    after=st.sampled_from(["Relu", "LeakyRelu", "Sigmoid"]),
)
@settings(max_examples=120, deadline=None)
def test_any_geometry_is_computed_as_written(
    kind: str,
    size: tuple[int, int],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    pads: list[int],
    how: str,
    batch: int,
    bias: bool,
    after: str,
) -> None:
    """Kernels, strides, dilations, pads in each of their forms, groups, batches."""
    groups, out, inside = {
        "dense": (1, 5, 6),
        "grouped": (2, 8, 3),
        "depthwise": (6, 6, 1),
        "multiplier": (6, 12, 1),
    }[kind]
    where: dict[str, Any] = {"pads": {"pads": pads}, "pad node": {}}.get(how, {"auto_pad": how})
    graph = conv_graph(
        (batch, 6, *size),
        (out, inside, *kernel),
        pad=pads if how == "pad node" else None,
        bias=bias,
        after=after,
        group=groups,
        strides=list(strides),
        dilations=list(dilations),
        **where,
    )
    _both_agree(graph, steps=2 if after == "Sigmoid" else 1)


def test_large_planes_are_done_in_tiles_and_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for a few rows or channels only, the parts join without a seam."""
    monkeypatch.setattr(planes, "COLUMN_BYTES", 4096)
    monkeypatch.setattr(planes, "GROUP_BYTES", 16384)
    _both_agree(conv_graph((1, 6, 23, 37), (8, 6, 3, 3), pads=[1, 1, 1, 1]))
    _both_agree(conv_graph((1, 6, 23, 37), (8, 6, 1, 1)))
    _both_agree(conv_graph((1, 7, 23, 37), (7, 1, 3, 3), pads=[1, 1, 1, 1], group=7))


@pytest.mark.parametrize(
    ("change", "steps"),
    [
        ({"pad": [1, 1, 1, 1], "pads": [1, 1, 1, 1]}, 2),  # the Pad keeps its step
        ({"pad": [-1, 0, 0, 0]}, 2),
    ],
)
def test_what_does_not_fit_one_step_keeps_its_own(change: dict[str, Any], steps: int) -> None:
    """Two paddings in a row and one that crops are computed as written."""
    _both_agree(conv_graph((1, 6, 9, 9), (5, 6, 3, 3), **change), steps)


@pytest.mark.parametrize("groups", [1, 6])
def test_a_plane_too_small_for_its_filter_is_refused(groups: int) -> None:
    """The message names the node, as it would without the plan."""
    engine = FloatEngine(conv_graph((1, 6, 2, 9), (6, 6 // groups, 3, 3), group=groups))
    with pytest.raises(ModelError, match="conv"):
        engine.run({"x": np.zeros((1, 6, 2, 9), np.float32)})
