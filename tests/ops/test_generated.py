"""Convolutions at opset 13, generated, against ONNX Runtime: one function a node, and fused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from board_runner.contract import Array, Tensors, TensorSpec
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph, Node

MODERATE = settings(
    max_examples=250,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Pad, 1-D convolution, activation, and a blur or none."""

    channels: int
    filters: int
    groups: int
    kernel: int
    dilation: int
    stride: int
    pad: tuple[int, int]
    mode: str
    bias: bool
    slope: float | None
    blur: tuple[int, int] | None
    batch: int
    length: int


@st.composite
def cases(draw: Callable[[st.SearchStrategy[int]], int]) -> Case:
    """Shapes from one sample out to several tiles and rows."""
    kind = draw(st.integers(0, 2))
    groups = draw(st.integers(1, 5)) if kind else 1
    channels = groups if kind == 1 else groups * draw(st.integers(1, 4))
    filters = groups if kind == 1 else groups * draw(st.integers(1, 4))
    kernel, dilation = draw(st.integers(1, 9)), draw(st.sampled_from([1, 1, 2, 3, 9]))
    length = (kernel - 1) * dilation + draw(st.sampled_from([12, 31, 32, 33, 100, 260, 3001, 30011]))
    most = length - 1
    slope = draw(st.sampled_from([-1, 0, 20, 20, 150]))
    return Case(
        channels=channels,
        filters=filters,
        groups=groups,
        kernel=kernel,
        dilation=dilation,
        stride=draw(st.sampled_from([1, 1, 1, 2, 3])),
        pad=(min(draw(st.integers(0, 12)), most), min(draw(st.integers(0, 12)), most)),
        mode=["constant", "reflect", "edge"][draw(st.integers(0, 2))],
        bias=bool(draw(st.integers(0, 1))),
        slope=None if slope < 0 else slope / 100,
        blur=[None, (9, 4), (5, 2)][draw(st.integers(0, 2))],
        batch=draw(st.sampled_from([1, 1, 2])),
        length=length,
    )


def _graph(case: Case, rng: np.random.Generator) -> Graph:
    weights = rng.standard_normal((case.filters, case.channels // case.groups, case.kernel))
    constants: dict[str, Array] = {
        "pads": np.asarray([0, 0, case.pad[0], 0, 0, case.pad[1]], np.int64),
        "w": weights.astype(np.float32),
    }
    nodes = [_node("Pad", "padded", "x", "pads", mode=case.mode)]
    names = ["padded", "w"]
    if case.bias:
        constants["b"] = rng.standard_normal(case.filters).astype(np.float32)
        names.append("b")
    nodes.append(
        _node("Conv", "conv", *names, group=case.groups, strides=[case.stride], dilations=[case.dilation])
    )
    last = "conv"
    if case.slope is not None:
        nodes.append(_node("LeakyRelu", "active", last, alpha=case.slope))
        last = "active"
    if case.blur is not None:
        k, stride = case.blur
        constants["sides"] = np.asarray([0, 0, k // 2, 0, 0, k // 2], np.int64)
        ramp = np.minimum(np.arange(1, k + 1), np.arange(k, 0, -1)).astype(np.float32)
        constants["taps"] = np.tile(ramp / ramp.sum(), (case.filters, 1, 1))
        nodes.append(_node("Pad", "wide", last, "sides", mode="reflect"))
        nodes.append(_node("Conv", "blurred", "wide", "taps", group=case.filters, strides=[stride]))
        last = "blurred"
    x = TensorSpec(name="x", dtype="float32", shape=(case.batch, case.channels, case.length))
    y = TensorSpec(name=last, dtype="float32", shape=(-1, -1, -1))
    return Graph(nodes=tuple(nodes), initializers=constants, inputs=(x,), outputs=(y,), opset=13)


def _node(op_type: str, output: str, *inputs: str, **attributes: object) -> Node:
    return Node(op_type=op_type, name=output, inputs=inputs, outputs=(output,), attributes=attributes)


@MODERATE
@given(case=cases(), seed=st.integers(0, 99))
def test_one_dimensional_convolution_is_onnx_runtimes(
    reference: Callable[[Graph, Tensors], dict[str, Array]], case: Case, seed: int
) -> None:
    """Whatever the pad, groups, dilation, stride, activation and blur, all three agree."""
    rng = np.random.default_rng(seed)
    graph = _graph(case, rng)
    x = {"x": rng.standard_normal(graph.inputs[0].shape).astype(np.float32)}
    (expected,) = reference(graph, x).values()
    for fused in (False, True):
        engine = FloatEngine(graph, fused=fused)
        for _ in range(2):  # the second run meets the buffers of the first
            (actual,) = engine.run(x).values()
            np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"])
@pytest.mark.parametrize(
    ("groups", "stride", "dilation"), [(1, 1, 1), (1, 2, 1), (4, 1, 1), (4, 2, 1), (2, 1, 1), (2, 1, 2)]
)
@pytest.mark.parametrize("rank", [1, 2])
def test_auto_pad_is_onnx_runtimes(
    *,
    reference: Callable[[Graph, Tensors], dict[str, Array]],
    auto_pad: str,
    groups: int,
    stride: int,
    dilation: int,
    rank: int,
) -> None:
    """Automatic pads, in one and two dimensions, as ONNX Runtime has them."""
    if dilation > 1 and auto_pad.startswith("SAME"):
        auto_pad = "VALID"  # ONNX Runtime refuses SAME with dilation in some versions
    rng = np.random.default_rng(rank)
    node = _node(
        "Conv",
        "y",
        "x",
        "w",
        auto_pad=auto_pad,
        group=groups,
        strides=[stride] * rank,
        dilations=[dilation] * rank,
    )
    graph = Graph(
        nodes=(node,),
        initializers={"w": rng.standard_normal((8, 4 // groups, *[4] * rank)).astype(np.float32)},
        inputs=(TensorSpec(name="x", dtype="float32", shape=(2, 4, *[13] * rank)),),
        outputs=(TensorSpec(name="y", dtype="float32", shape=(-1,) * (2 + rank)),),
        opset=13,
    )
    x = {"x": rng.standard_normal((2, 4, *[13] * rank)).astype(np.float32)}
    expected = reference(graph, x)["y"]
    for fused in (False, True):
        actual = FloatEngine(graph, fused=fused).run(x)["y"]
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
