"""Hard swish and plane means as one step: equal to one function a node, and only where they are what they seem."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from board_runner.contract import TensorSpec
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph, Node
from board_runner.plan.fuse import fused

SHAPE = (2, 5, 7, 9)


def _graph(*nodes: Node, rank: int = 4) -> Graph:
    return Graph(
        nodes=nodes,
        initializers={},
        inputs=(TensorSpec(name="x", dtype="float32", shape=SHAPE),),
        outputs=(TensorSpec(name="y", dtype="float32", shape=(-1,) * rank),),
        opset=13,
    )


def _node(op_type: str, inputs: tuple[str, ...], output: str, **attributes: Any) -> Node:
    return Node(op_type=op_type, name=output, inputs=inputs, outputs=(output,), attributes=attributes)


def _both(graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32) * 4
    return FloatEngine(graph).run({"x": x})["y"], FloatEngine(graph, fused=False).run({"x": x})["y"]


@pytest.mark.parametrize("order", [("x", "h"), ("h", "x")])
def test_hard_swish_is_one_step(order: tuple[str, ...]) -> None:
    """Whichever factor comes first; equal to rounding."""
    graph = _graph(
        _node("HardSigmoid", ("x",), "h", alpha=float(np.float32(1 / 6)), beta=0.5), _node("Mul", order, "y")
    )
    ours, plain = _both(graph)
    assert len(fused(graph, ("y",)).steps) == 1
    assert np.abs(ours - plain).max() < 2e-6


@pytest.mark.parametrize(
    ("nodes", "steps"),
    [
        ((_node("HardSigmoid", ("x",), "h", alpha=0.2, beta=0.5), _node("Mul", ("x", "h"), "y")), 2),
        ((_node("HardSigmoid", ("x",), "h", alpha=1 / 6, beta=0.5), _node("Mul", ("h", "h"), "y")), 2),
        ((_node("Transpose", ("x",), "t", perm=[0, 1, 3, 2]), _node("ReduceMean", ("t",), "y", axes=[2])), 2),
    ],
)
def test_what_only_looks_alike_keeps_its_steps(nodes: tuple[Node, ...], steps: int) -> None:
    """Another slope, a square instead of a product with x, a mean over one axis."""
    graph = _graph(*nodes)
    ours, plain = _both(graph)
    assert len(fused(graph, ("y",)).steps) == steps
    assert np.array_equal(ours, plain)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_the_mean_of_a_plane_is_numpys(keepdims: int, turned: bool) -> None:
    """With and without its axes, of an array that lies in memory as it is read and of one that does not."""
    mean = _node("ReduceMean", ("t" if turned else "x",), "y", axes=[2, 3], keepdims=keepdims)
    before = (_node("Transpose", ("x",), "t", perm=[1, 0, 3, 2]),) if turned else ()
    ours, plain = _both(_graph(*before, mean, rank=4 if keepdims else 2))
    assert ours.shape == plain.shape
    assert np.abs(ours - plain).max() < 1e-6


def test_global_average_pooling_is_the_same_mean() -> None:
    """Its output keeps both axes."""
    ours, plain = _both(_graph(_node("GlobalAveragePool", ("x",), "y")))
    assert ours.shape == (2, 5, 1, 1)
    assert np.abs(ours - plain).max() < 1e-6
