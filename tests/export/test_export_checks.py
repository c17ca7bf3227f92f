"""Every check of an export fails on the defect it is for, and passes without; PyTorch is not needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from board_runner.contract import METADATA_KEY, InputContract, TensorSpec
from deployer.export import checks

ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

from deployer.export.agreement import Limits, run_checks, seeded_inputs  # noqa: E402

SAMPLES = 512
CONTRACT = InputContract(
    model="eat",
    sample_rate_hz=22050,
    inputs=(TensorSpec(name="images", dtype="float32", shape=(1, 1, SAMPLES)),),
    outputs=(TensorSpec(name="output", dtype="float32", shape=(1, 10)),),
    front_end={"samples": SAMPLES, "peak": 0.95},
)
Defect = Callable[[onnx.ModelProto], Any]


def _model() -> onnx.ModelProto:
    """A small network without fault: convolution, leaky ReLU, two layers on the mean."""
    rng = np.random.default_rng(3)
    shapes = {"conv": (32, 1, 9), "bias": (32,), "one": (32, 32), "two": (32, 10)}
    weights = [
        numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node("Conv", ["images", "conv", "bias"], ["a"], name="first"),
        helper.make_node("LeakyRelu", ["a"], ["b"], alpha=0.2),
        helper.make_node("ReduceMean", ["b"], ["c"], axes=[2], keepdims=0),
        helper.make_node("MatMul", ["c", "one"], ["d"]),
        helper.make_node("Gemm", ["d", "two"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 1, SAMPLES])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 10])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    model.metadata_props.add(key=METADATA_KEY, value=CONTRACT.to_json())
    return model


def _node(model: onnx.ModelProto, op: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.op_type == op)


def _weight(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def _set_weight(model: onnx.ModelProto, name: str, change: Callable[[Any], Any]) -> None:
    tensor = _weight(model, name)
    value = change(numpy_helper.to_array(tensor).copy())
    tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float32), name))


def _runs(graphs: checks.Graphs, reference: Any = None) -> list[checks.Check]:
    inputs = seeded_inputs(CONTRACT)
    return run_checks(graphs, CONTRACT, reference or _network(_model()), inputs, Limits())


def _network(model: onnx.ModelProto) -> Callable[[Any], Any]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda value: session.run(None, {"images": value})


def _failed(rows: list[checks.Check]) -> dict[str, str]:
    return {row.name: row.detail for row in rows if not row.passed}


def test_a_sound_model_passes_every_check() -> None:
    """No check cries wolf."""
    graphs = {"m.onnx": _model(), "m_sim.onnx": _model()}
    rows = [*checks.graph_checks(graphs, CONTRACT, 13), *_runs(graphs)]
    assert _failed(rows) == {}
    assert len(rows) == 17


def _computed_weight(model: onnx.ModelProto) -> None:
    model.graph.node.insert(0, helper.make_node("Mul", ["conv", "conv"], ["conv2"]))
    _node(model, "Conv").input[1] = "conv2"


def _batch_norm(model: onnx.ModelProto) -> None:
    for name in ("gamma", "beta", "mean", "variance"):
        model.graph.initializer.append(numpy_helper.from_array(np.ones(32, np.float32), name))
    names = ["b", "gamma", "beta", "mean", "variance"]
    model.graph.node.insert(2, helper.make_node("BatchNormalization", names, ["bn"]))
    _node(model, "ReduceMean").input[0] = "bn"


def _duplicate(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(_weight(model, "one"))
    model.graph.initializer[-1].name = "again"


def _share(model: onnx.ModelProto) -> None:
    model.graph.node.insert(4, helper.make_node("MatMul", ["d", "one"], ["e"]))
    _node(model, "Gemm").input[0] = "e"


def _rename_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].name = _node(model, "Gemm").output[0] = "1163"


def _free_batch(model: onnx.ModelProto) -> None:
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"


def _replace_contract(model: onnx.ModelProto) -> None:
    model.metadata_props[0].value = CONTRACT.to_json().replace("22050", "32000")


STATIC: list[tuple[str, Defect, str]] = [
    ("onnx checker", lambda m: m.graph.initializer.pop(), "two"),
    ("opset", lambda m: setattr(m.opset_import[0], "version", 18), "18"),
    ("opset", lambda m: m.opset_import.add(domain="com.microsoft", version=1), "microsoft"),
    (
        "operators before and after simplifying",
        lambda m: setattr(_node(m, "MatMul"), "op_type", "LpNormalization"),
        "LpNormalization came in",
    ),
    ("operators known", lambda m: setattr(_node(m, "MatMul"), "op_type", "Bernoulli"), "lacks Bernoulli"),
    ("operators known", lambda m: setattr(_node(m, "MatMul"), "domain", "odd"), "lacks odd.MatMul"),
    ("names and static shapes", _rename_output, "1163 float32"),
    ("names and static shapes", _free_batch, "batch"),
    ("duplicate initialisers", _duplicate, "one = again"),
    ("weights of one layer each", _share, "one is read by 2 nodes"),
    ("constant convolution weights", _computed_weight, "first has weights computed"),
    ("batch normalisation folded", _batch_norm, "after LeakyRelu"),
    ("input contract stored", lambda m: m.metadata_props.pop(), "no contract"),
    ("input contract stored", _replace_contract, "another contract"),
    ("input contract stored", lambda m: setattr(m.metadata_props[0], "value", "{"), "damaged"),
]


@pytest.mark.parametrize(("name", "defect", "detail"), STATIC, ids=[f"{n}-{d}" for n, _, d in STATIC])
def test_a_defect_of_the_graph_fails_its_check(name: str, defect: Defect, detail: str) -> None:
    """The simplified model is spoilt; the row for just that defect fails and says where."""
    spoilt = _model()
    defect(spoilt)
    failed = _failed(checks.graph_checks({"m.onnx": _model(), "m_sim.onnx": spoilt}, CONTRACT, 13))
    assert detail in failed[name]


@pytest.mark.parametrize(
    ("spoil", "reason"), [(lambda m: None, "training mode"), (_computed_weight, "at run time")]
)
def test_reasons_for_leftover_normalisation_are_told_apart(spoil: Defect, reason: str) -> None:
    """Behind a convolution with fixed weights it should have been folded, behind a computed one not."""
    model = _model()
    _batch_norm(model)
    spoil(model)
    _node(model, "BatchNormalization").input[0] = "a"
    assert reason in checks.no_batch_normalisation({"m.onnx": model}).detail


def test_weights_behind_an_identity_are_constant() -> None:
    """The exporter shares equal biases through Identity nodes; that is no computed weight."""
    model = _model()
    model.graph.node.insert(0, helper.make_node("Identity", ["bias"], ["bias2"]))
    _node(model, "Conv").input[2] = "bias2"
    assert checks.constant_convolutions({"m.onnx": model}).passed


RUNNING: list[tuple[str, Defect, str]] = [
    ("m_sim.onnx agrees with the network", lambda m: _set_weight(m, "two", lambda w: w * 1.001), "max abs"),
    ("m_sim.onnx agrees with the network", lambda m: _set_weight(m, "two", lambda w: w[:, ::-1]), "top-1"),
    (
        "m_sim.onnx finite, silence included",
        lambda m: _set_weight(m, "bias", lambda w: w * np.inf),
        "silence",
    ),
    ("m_sim.onnx rejects other sizes", _free_batch, "runs on [2, 1, 512]"),
    ("m_sim.onnx runs", lambda m: setattr(_node(m, "MatMul"), "op_type", "Bernouilli"), "Bernouilli"),
]


@pytest.mark.parametrize(("name", "defect", "detail"), RUNNING, ids=[f"{n}-{d}" for n, _, d in RUNNING])
def test_a_defect_seen_when_run_fails_its_check(name: str, defect: Defect, detail: str) -> None:
    """The simplified model is spoilt; only rows about it fail, the one for that defect among them."""
    spoilt = _model()
    defect(spoilt)
    failed = _failed(_runs({"m.onnx": _model(), "m_sim.onnx": spoilt}))
    assert detail in failed[name]
    assert all(row.startswith("m_sim.onnx") for row in failed)


def test_a_network_that_fails_on_silence_is_found() -> None:
    """Where the network itself divides by the peak, silence gives NaN, and the row says whose it is."""
    network = _network(_model())

    def unguarded(value: Any) -> Any:
        with np.errstate(invalid="ignore"):
            return [network(value)[0] * (np.abs(value).max() / np.abs(value).max())]

    failed = _failed(_runs({"m.onnx": _model()}, unguarded))
    assert "the network is not finite on silence" in failed["m.onnx finite, silence included"]


def test_seeded_inputs_are_the_same_each_time_and_unlike_each_other() -> None:
    """A report can be made again; silence is silent, all else has the peak of the front end."""
    first, second = seeded_inputs(CONTRACT), seeded_inputs(CONTRACT)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert len({value.tobytes() for value in first.values()}) == len(first) == 5
    peaks = {name: float(np.abs(value).max()) for name, value in first.items()}
    assert peaks.pop("silence") == 0.0
    assert list(peaks.values()) == pytest.approx([0.95] * 4)
    assert all(value.shape == (1, 1, SAMPLES) and value.dtype == np.float32 for value in first.values())
