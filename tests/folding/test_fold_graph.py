"""Folding ONNX graphs: the same function with fewer nodes, or a reason why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from board_runner.contract import Array
from board_runner.errors import ModelError
from deployer.folding.graph import FoldedGraph, fold_graph, norms
from tests.folding.graphs import Maker, convolution

ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")


def _run(model: onnx.ModelProto, x: Array) -> list[Array]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    outputs: list[Array] = session.run(None, {"x": x})
    return outputs


def _same(model: onnx.ModelProto, folded: FoldedGraph, shape: tuple[int, ...], seed: int = 1) -> None:
    """The folded model is valid and gives what the model gave, on noise of a size that shows every term."""
    onnx.checker.check_model(folded.model, full_check=True)
    x = (2 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)
    for before, after in zip(_run(model, x), _run(folded.model, x), strict=True):
        assert np.abs(before - after).max() < 1e-5 * max(1.0, float(np.abs(before).max()))


@given(
    st.sampled_from(["Conv", "ConvTranspose"]),
    st.sampled_from([1, 2, 3, 6]),
    st.booleans(),
    st.sampled_from([1, 2]),
    st.sampled_from([1, 2]),
    st.sampled_from([1, 2]),
    st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_a_convolution_takes_in_what_follows_it(
    op_type: str, groups: int, bias: bool, rank: int, stride: int, multiplier: int, seed: int
) -> None:
    """Grouped, depthwise, with a channel multiplier, strided, transposed, padded, with a bias and without."""
    model = convolution(
        seed,
        op_type=op_type,
        groups=groups,
        bias=bias,
        rank=rank,
        multiplier=multiplier,
        strides=[stride] * rank,
        pads=[1] * (2 * rank),
    )
    folded = fold_graph(model)
    assert [(fold.norm, fold.layer, fold.op_type) for fold in folded.folds] == [("bn", "conv", op_type)]
    assert (norms(model), norms(folded.model), folded.left) == (1, 0, ())
    assert not {"bn.scale", "bn.mean"} & {tensor.name for tensor in folded.model.graph.initializer}
    _same(model, folded, (1, 6, *[8] * rank), seed)


@pytest.mark.parametrize("op_type", ["Gemm", "GemmT", "MatMul", "MatMulAdd", "GemmBeta"])
def test_a_matrix_product_takes_in_what_follows_it(op_type: str) -> None:
    """Transposed or not, with its bias inside, in an Add after it, or nowhere."""
    m = Maker()
    if op_type.startswith("Gemm"):
        shape = (5, 6) if op_type == "GemmT" else (6, 5)
        extra = {"transB": 1} if op_type == "GemmT" else {"beta": 0.5} if op_type == "GemmBeta" else {}
        m.node("Gemm", ["x", m.constant("w", *shape), m.constant("b", 5)], "layer", **extra)
    else:
        m.node("MatMul", ["x", m.constant("w", 6, 5)], "product")
        if op_type == "MatMulAdd":
            m.node("Add", [m.constant("b", 5), "product"], "layer")
    m.norm("product" if op_type == "MatMul" else "layer", "y", 5)
    model = m.model((3, 6), {"y": 2})
    folded = fold_graph(model)
    assert len(folded.folds) == 1
    _same(model, folded, (3, 6))


def test_a_bias_in_an_add_takes_the_offset() -> None:
    """A convolution whose bias stands in an Add, as some converters write it, keeps that Add."""
    m = Maker()
    m.node("Conv", ["x", m.constant("w", 4, 6, 3)], "conv")
    m.node("Add", ["conv", m.constant("b", 1, 4, 1)], "biased")
    m.norm("biased", "y", 4)
    model = m.model((2, 6, 9), {"y": 3})
    folded = fold_graph(model)
    assert [node.op_type for node in folded.model.graph.node] == ["Conv", "Add"]
    _same(model, folded, (2, 6, 9))


def test_scale_and_epsilon_of_the_layer_count() -> None:
    """A fold that takes the scale for 1, or another epsilon, would be told from ours by far."""
    m = Maker()
    m.node("Conv", ["x", m.constant("w", 4, 6, 3)], "conv")
    m.norm("conv", "y", 4, epsilon=0.5)
    model = m.model((1, 6, 9), {"y": 3})
    folded = fold_graph(model)
    assert folded.folds[0].epsilon == 0.5
    _same(model, folded, (1, 6, 9))
    without = onnx.ModelProto()
    without.CopyFrom(model)
    for tensor in without.graph.initializer:
        if tensor.name == "y.scale":
            tensor.CopyFrom(numpy_helper.from_array(np.ones(4, np.float32), tensor.name))
    x = np.random.default_rng(1).standard_normal((1, 6, 9)).astype(np.float32)
    assert np.abs(_run(folded.model, x)[0] - _run(fold_graph(without).model, x)[0]).max() > 0.1


@pytest.mark.parametrize("groups", [1, 3, 6])
@pytest.mark.parametrize("bias", [True, False])
def test_a_normalisation_goes_into_the_convolution_after_it(groups: int, bias: bool) -> None:
    """At the input there is no layer before it; without padding the one after takes it exactly."""
    m = Maker()
    m.norm("x", "bn", 6)
    inputs = ["bn", m.constant("w", 12, 6 // groups, 3, 2)] + ([m.constant("b", 12)] if bias else [])
    m.node("Conv", inputs, "y", group=groups)
    model = m.model((1, 6, 8, 8), {"y": 4})
    folded = fold_graph(model)
    assert [fold.before for fold in folded.folds] == [True]
    _same(model, folded, (1, 6, 8, 8))


@pytest.mark.parametrize("op_type", ["Gemm", "GemmT", "MatMul"])
def test_a_normalisation_goes_into_the_product_after_it(op_type: str) -> None:
    """After a ReLU and before a matrix product, as speaker networks have it."""
    m = Maker()
    m.node("Relu", ["x"], "r")
    m.norm("r", "bn", 6)
    m.constant("w", *((5, 6) if op_type == "GemmT" else (6, 5)))
    m.node(
        op_type.rstrip("T") if op_type == "GemmT" else op_type,
        ["bn", "w"],
        "p",
        **({"transB": 1} if op_type == "GemmT" else {}),
    )
    m.node("Relu", ["p"], "y")
    model = m.model((3, 6), {"y": 2})
    folded = fold_graph(model)
    assert [fold.before for fold in folded.folds] == [True]
    _same(model, folded, (3, 6))


def test_two_normalisations_in_a_row_both_go() -> None:
    """The second finds the convolution where the first was."""
    m = Maker()
    m.node("Conv", ["x", m.constant("w", 4, 6, 3)], "conv")
    m.norm("conv", "one", 4)
    m.norm("one", "y", 4)
    model = m.model((1, 6, 9), {"y": 3})
    folded = fold_graph(model)
    assert [fold.norm for fold in folded.folds] == ["one", "y"]
    _same(model, folded, (1, 6, 9))


def test_weights_that_two_layers_share_are_folded_for_each() -> None:
    """One tensor read by two convolutions, each normalised in its own way: neither spoils the other."""
    m = Maker()
    m.constant("w", 6, 6, 3)
    m.constant("b", 6)
    for name in ("one", "two"):
        m.node("Conv", ["x", "w", "b"], f"{name}.conv")
        m.norm(f"{name}.conv", name, 6)
    m.node("Conv", ["x", "w", "b"], "three")
    m.node("Sum", ["one", "two", "three"], "y")
    model = m.model((1, 6, 9), {"y": 3})
    folded = fold_graph(model)
    assert len(folded.folds) == 2
    _same(model, folded, (1, 6, 9))


def _after_relu(m: Maker) -> None:
    m.node("Conv", ["x", m.constant("w", 6, 6, 3)], "conv")
    m.node("Relu", ["conv"], "r")
    m.norm("r", "y", 6)


def _before_padding(m: Maker) -> None:
    m.node("Relu", ["x"], "r")
    m.norm("r", "bn", 6)
    m.node("Conv", ["bn", m.constant("w", 6, 6, 3)], "y", pads=[1, 1])


def _runtime_weights(m: Maker) -> None:
    m.node("Softmax", [m.constant("logits", 6, 6, 3)], "w")
    m.node("Conv", ["x", "w"], "conv")
    m.norm("conv", "y", 6)


def _runtime_bias(m: Maker) -> None:
    m.node("ReduceMax", [m.constant("w", 6, 6, 3)], "b", axes=[1, 2], keepdims=0)
    m.node("Conv", ["x", "w", "b"], "conv")
    m.norm("conv", "y", 6)


def _shared(m: Maker) -> None:
    m.node("Conv", ["x", m.constant("w", 6, 6, 3)], "conv")
    m.norm("conv", "bn", 6)
    m.node("Add", ["bn", "conv"], "y")


def _output(m: Maker) -> None:
    m.node("Conv", ["x", m.constant("w", 6, 6, 3)], "y")
    m.norm("y", "bn", 6)


def _other_axis(m: Maker) -> None:
    m.node("MatMul", ["x", m.constant("w", 9, 6)], "product")
    m.norm("product", "y", 6)


def _no_variance(m: Maker) -> None:
    m.node("Conv", ["x", m.constant("w", 6, 6, 3)], "conv")
    m.norm("conv", "y", 6)
    m.constants["y.variance"][2] = -1.0


def _by_position(m: Maker) -> None:
    m.node("Conv", ["x", m.constant("w", 6, 6, 3)], "conv")
    m.node("Add", ["conv", m.constant("b", 1, 6, 7)], "biased")
    m.norm("biased", "y", 6)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_after_relu, "comes after Relu"),
        (_before_padding, "comes after Relu, which is no layer; Conv y after it pads"),
        (_runtime_weights, "weights of Conv conv are computed at run time"),
        (_runtime_bias, "bias of Conv conv is computed at run time"),
        (_shared, "shared: 1 other node reads it"),
        (_output, "is an output of the graph too"),
        (_other_axis, "not known to be the columns"),
        (_no_variance, "not above 0"),
        (_by_position, "differs by position"),
    ],
    ids=lambda value: value.__name__.lstrip("_") if callable(value) else "",
)
def test_what_cannot_be_folded_is_named_with_the_reason(make: Callable[[Maker], None], reason: str) -> None:
    """It stays in a graph that is not touched at all."""
    m = Maker()
    make(m)
    model = m.model((1, 6, 9), {"y": 3, **({"bn": 3} if make is _output else {})})
    folded = fold_graph(model)
    assert folded.folds == ()
    [left] = folded.left
    assert reason in left.reason
    assert folded.model == model


def test_a_zero_offset_may_stand_before_padding() -> None:
    """A normalisation that leaves zero where it is does not mind zeros being added after it."""
    m = Maker()
    m.norm("x", "bn", 6)
    for part in ("shift", "mean"):
        m.constants[f"bn.{part}"][:] = 0
    m.node("Conv", ["bn", m.constant("w", 6, 6, 3)], "y", pads=[1, 1])
    model = m.model((1, 6, 9), {"y": 3})
    _same(model, fold_graph(model), (1, 6, 9))


def test_folding_twice_is_refused() -> None:
    """The second time would scale the weights again."""
    folded = fold_graph(convolution())
    with pytest.raises(ModelError, match="was folded before: bn"):
        fold_graph(folded.model)


def test_training_mode_is_not_folded() -> None:
    """Statistics of the batch at hand are no constants."""
    model = convolution()
    node = next(node for node in model.graph.node if node.op_type == "BatchNormalization")
    node.attribute.append(helper.make_attribute("training_mode", 1))
    [left] = fold_graph(model).left
    assert "training mode" in left.reason


def test_a_normalisation_in_a_subgraph_is_named() -> None:
    """The branches of an If are looked into, and what an outer value feeds there counts as a reader."""
    m = Maker()
    m.node("Conv", ["x", m.constant("w", 6, 6, 3)], "conv")
    m.norm("conv", "bn", 6)
    branch = helper.make_graph(
        [helper.make_node("BatchNormalization", ["conv", *(f"bn.{p}" for p in PARTS)], ["z"], name="inner")],
        "branch",
        [],
        [helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, None)],
    )
    m.constants["yes"] = np.asarray(True)
    m.node("If", ["yes"], "chosen", then_branch=branch, else_branch=branch)
    m.node("Add", ["chosen", "bn"], "y")
    reasons = {left.norm: left.reason for left in fold_graph(m.model((1, 6, 9), {"y": 3})).left}
    assert "sub-graph of If" in reasons["inner"]
    assert "shared" in reasons["bn"]


PARTS = ("scale", "shift", "mean", "variance")


def test_half_precision_that_overflows_is_left() -> None:
    """A weight type too narrow for the folded values is no reason to write infinities."""
    m = Maker()
    m.node("Conv", ["x", m.constant("w", 4, 6, 3)], "conv")
    m.norm("conv", "y", 4)
    m.constants["w"] = m.constants["w"] * np.float32(1e4)
    m.constants["y.scale"][:] = 3e38
    [left] = fold_graph(m.model((1, 6, 9), {"y": 3})).left
    assert "do not fit into float32" in left.reason


def test_old_files_that_list_weights_as_inputs_stay_loadable() -> None:
    """Before IR 4 every weight was an input as well: the folded file lists only what it has."""
    model = convolution()
    for tensor in model.graph.initializer:
        model.graph.input.append(
            helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
        )
    folded = fold_graph(model)
    assert "bn.scale" not in {value.name for value in folded.model.graph.input}
    _same(model, folded, (1, 6, 8, 8))


def test_the_order_of_attributes_does_not_matter_to_constants_in_nodes() -> None:
    """Weights in Constant nodes, passed on by an Identity, are constants too."""
    m = Maker()
    m.nodes.append(
        helper.make_node(
            "Constant", [], ["raw"], value=numpy_helper.from_array(_noise(4, 6, 3), "raw"), name="raw"
        )
    )
    m.node("Identity", ["raw"], "w")
    m.node("Conv", ["x", "w"], "conv")
    m.norm("conv", "y", 4)
    model = m.model((1, 6, 9), {"y": 3})
    folded = fold_graph(model)
    assert len(folded.folds) == 1
    _same(model, folded, (1, 6, 9))


def _noise(*shape: int) -> Any:
    return np.random.default_rng(9).standard_normal(shape).astype(np.float32)
