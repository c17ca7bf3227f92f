"""Convolutions weighed by shares and summed, run as one: equal to one function a node, or left as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from board_runner.contract import TensorSpec
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph, Node
from board_runner.plan.fuse import fused


def _graph(
    *,
    groups: int = 1,
    batch: int = 1,
    kernel: int = 3,
    sizes: tuple[int, int] | None = None,
    change: str = "",
    **attributes: Any,
) -> Graph:
    """Three convolutions of x (batch, 6, 9, 20), each times a part of `a` (batch, 3, 1, 1), summed to y.

    `sizes` are others for the first and third axis of `a`.
    """
    clips, factors = sizes or (batch, 1)
    rng = np.random.default_rng(3)
    constants = {"sizes": np.asarray([1, 1, 1], np.int64)}
    inside = 6 // groups
    nodes = [
        Node(
            op_type="Split",
            name="split",
            inputs=("a", "sizes"),
            outputs=("a0", "a1", "a2"),
            attributes={"axis": 1},
        )
    ]
    for k in range(3):
        size = 1 if change == "kernel" and k == 2 else kernel
        constants[f"w{k}"] = rng.standard_normal((6, inside, size, size)).astype(np.float32)
        constants[f"b{k}"] = rng.standard_normal(6).astype(np.float32)
        own = {"group": groups, "pads": [size // 2] * 4, **attributes}
        share = "a0" if change == "share twice" and k == 2 else f"a{k}"
        conv = Node(
            op_type="Conv", name=f"c{k}", inputs=("x", f"w{k}", f"b{k}"), outputs=(f"c{k}",), attributes=own
        )
        nodes += [conv, Node(op_type="Mul", name=f"p{k}", inputs=(share, f"c{k}"), outputs=(f"p{k}",))]
    nodes.append(Node(op_type="Add", name="s", inputs=("p0", "p1"), outputs=("s",)))
    nodes.append(Node(op_type="Add", name="y", inputs=("s", "p2"), outputs=("y",)))
    outputs = ["y", "c1"] if change == "output" else ["y"]
    return Graph(
        nodes=tuple(nodes),
        initializers=constants,
        inputs=(
            TensorSpec(name="x", dtype="float32", shape=(batch, 6, 9, 20)),
            TensorSpec(name="a", dtype="float32", shape=(clips, 3, factors, 1)),
        ),
        outputs=tuple(TensorSpec(name=name, dtype="float32", shape=(-1,) * 4) for name in outputs),
        opset=13,
    )


def _agree(graph: Graph) -> None:
    """Twice over, with other shares: the second run meets the first one's kernels."""
    engine, plain = FloatEngine(graph), FloatEngine(graph, fused=False)
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        given = {spec.name: rng.standard_normal(spec.shape).astype(np.float32) for spec in graph.inputs}
        ours, wanted = engine.run(given), plain.run(given)
        for name, value in wanted.items():
            assert ours[name].shape == value.shape
            assert np.abs(ours[name] - value).max() < 1e-5 * np.abs(value).max()


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("strides", [[1, 1], [2, 2]])
def test_a_mixture_is_one_step(groups: int, kernel: int, batch: int, strides: list[int]) -> None:
    """Dense, grouped and depthwise, a kernel for each clip of a batch."""
    graph = _graph(groups=groups, kernel=kernel, batch=batch, strides=strides)
    assert len(fused(graph, ("y",)).steps) == 2
    _agree(graph)


@pytest.mark.parametrize("sizes", [(2, 9), (1, 1), (1, 9)])
def test_factors_that_are_no_shares_are_multiplied_as_written(sizes: tuple[int, int]) -> None:
    """A factor for each row of the planes cannot move into a kernel; nor does one set for two clips."""
    _agree(_graph(sizes=sizes, batch=2, groups=6))


@pytest.mark.parametrize("change", ["kernel", "share twice", "output"])
def test_what_only_looks_alike_is_left(change: str) -> None:
    """Another kernel, one part of the split twice, a convolution that is itself an output."""
    graph = _graph(change=change)
    assert len(fused(graph, tuple(spec.name for spec in graph.outputs)).steps) > 2
    _agree(graph)


def test_dilated_channelwise_convolutions_are_left() -> None:
    """The one convolution would not have that form."""
    graph = _graph(groups=6, dilations=[2, 2], pads=[2, 2, 2, 2])
    assert len(fused(graph, ("y",)).steps) > 2
    _agree(graph)
