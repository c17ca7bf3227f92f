"""The float engine: the shipped model against ONNX Runtime, its plan, its values and its refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import board_runner
from board_runner.contract import Array, Tensors, TensorSpec
from board_runner.errors import ModelError
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph, Node
from board_runner.ops.special import erf
from board_runner.plan.fuse import fused

SHIPPED = Path(board_runner.__file__).parent / "data" / "eat.onnx"
needs_shipped = pytest.mark.skipif(not SHIPPED.is_file(), reason=f"{SHIPPED} is not there")


def _node(op_type: str, output: str, *inputs: str, **attributes: object) -> Node:
    return Node(op_type=op_type, name=output, inputs=inputs, outputs=(output,), attributes=attributes)


def _graph(nodes: list[Node], constants: dict[str, Array], shape: tuple[int, ...]) -> Graph:
    return Graph(
        nodes=tuple(nodes),
        initializers=constants,
        inputs=(TensorSpec(name="x", dtype="float32", shape=shape),),
        outputs=(TensorSpec(name=nodes[-1].outputs[0], dtype="float32", shape=(-1,) * len(shape)),),
        opset=13,
    )


def _gelu_and_norm() -> Graph:
    """GELU, a residual sum of three and a layer normalisation, each written out as at opset 13."""
    rng = np.random.default_rng(3)
    constants = {
        "root2": np.asarray(math.sqrt(2.0), np.float32),
        "one": np.asarray(1.0, np.float32),
        "half": np.asarray(0.5, np.float32),
        "two": np.asarray(2.0, np.float32),
        "eps": np.asarray(1e-5, np.float32),
        "scale": rng.standard_normal(16).astype(np.float32),
        "shift": rng.standard_normal(16).astype(np.float32),
    }
    nodes = [
        _node("Div", "d", "x", "root2"),
        _node("Erf", "e", "d"),
        _node("Add", "e1", "e", "one"),
        _node("Mul", "xe", "x", "e1"),
        _node("Mul", "gelu", "xe", "half"),
        _node("Tanh", "t", "x"),
        _node("Add", "s1", "gelu", "x"),
        _node("Add", "s2", "t", "s1"),
        _node("ReduceMean", "mean", "s2", axes=[-1], keepdims=1),
        _node("Sub", "c", "s2", "mean"),
        _node("Pow", "c2", "c", "two"),
        _node("ReduceMean", "var", "c2", axes=[-1], keepdims=1),
        _node("Add", "var_eps", "var", "eps"),
        _node("Sqrt", "dev", "var_eps"),
        _node("Div", "unit", "c", "dev"),
        _node("Mul", "scaled", "unit", "scale"),
        _node("Add", "y", "scaled", "shift"),
    ]
    return _graph(nodes, constants, (2, 5, 16))


@needs_shipped
def test_shipped_model_is_onnx_runtimes(reference: Callable[[Graph, Tensors], dict[str, Array]]) -> None:
    """The real model gives ONNX Runtime's logits, with the plan and without."""
    graph = Graph.load(SHIPPED)
    rng = np.random.default_rng(7)
    (spec,) = graph.inputs
    # Noise with a moving envelope: the activations then cover loud, faint and silent stretches.
    envelope = np.sin(np.linspace(0, 40, spec.shape[-1])) ** 4
    x = (rng.standard_normal(spec.shape) * envelope * 0.3).astype(np.float32)
    (expected,) = reference(graph, {spec.name: x}).values()
    for is_fused in (False, True):
        (actual,) = FloatEngine(graph, fused=is_fused).run({spec.name: x}).values()
        assert actual.dtype == np.float32
        assert np.abs(actual - expected).max() < 1e-4


@needs_shipped
def test_shipped_model_is_really_fused() -> None:
    """Every Pad, blur, layer normalisation and GELU of the shipped model is inside a fused step."""
    graph = Graph.load(SHIPPED)
    program = fused(graph, [spec.name for spec in graph.outputs])
    left = " ".join(step.label for step in program.steps if not step.label.startswith("fused"))
    for op_type in ("Pad", "Conv", "LeakyRelu", "Erf", "ReduceMean", "Sqrt", "Constant"):
        assert f"({op_type})" not in left
    assert len(program.steps) < 0.6 * len(graph.nodes)


def test_plan_of_written_out_operators_is_exact_enough(
    reference: Callable[[Graph, Tensors], dict[str, Array]],
) -> None:
    """GELU, sums and layer normalisation each become one step, which gives the values of its nodes."""
    graph = _gelu_and_norm()
    x = {"x": np.random.default_rng(4).standard_normal((2, 5, 16)).astype(np.float32) * 3}
    program = fused(graph, ["y"])
    assert len(program.steps) == 4
    plain = FloatEngine(graph, fused=False).run(x)["y"]
    np.testing.assert_allclose(FloatEngine(graph).run(x)["y"], plain, rtol=1e-4, atol=2e-6)
    np.testing.assert_allclose(reference(graph, x)["y"], plain, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("name", ["e1", "gelu", "s1", "c", "unit"])
def test_a_value_that_is_an_output_is_not_fused_away(name: str) -> None:
    """A plan keeps whatever the graph gives out, in the middle of a pattern too."""
    graph = _gelu_and_norm()
    x = {"x": np.random.default_rng(5).standard_normal((2, 5, 16)).astype(np.float32)}
    outputs = (*graph.outputs, TensorSpec(name=name, dtype="float32", shape=(2, 5, 16)))
    graph = Graph(
        nodes=graph.nodes, initializers=graph.initializers, inputs=graph.inputs, outputs=outputs, opset=13
    )
    plain, planned = FloatEngine(graph, fused=False).run(x), FloatEngine(graph).run(x)
    for key in ("y", name):
        np.testing.assert_allclose(planned[key], plain[key], rtol=1e-4, atol=2e-6)


def test_intermediates_are_the_values_of_the_nodes() -> None:
    """All node outputs by default, or those asked for; they survive a second run."""
    graph = _gelu_and_norm()
    engine = FloatEngine(graph)
    x = {"x": np.ones((2, 5, 16), np.float32)}
    values = engine.intermediates(x)
    assert list(values) == [node.outputs[0] for node in graph.nodes]
    np.testing.assert_allclose(values["gelu"], np.float32(0.8413447), rtol=1e-6)
    some = engine.intermediates(x, names={"gelu", "y"})
    assert set(some) == {"gelu", "y"}
    kept = some["gelu"].copy()
    engine.intermediates({"x": x["x"] * 2})
    assert (some["gelu"] == kept).all()


def test_unknown_intermediate_is_refused() -> None:
    """A misspelt value name is an error that names it."""
    with pytest.raises(ModelError, match="gleu"):
        FloatEngine(_gelu_and_norm()).intermediates({"x": np.ones((2, 5, 16), np.float32)}, ["gleu"])


def test_outputs_belong_to_the_caller() -> None:
    """A second run does not overwrite what the first gave."""
    graph = _graph([_node("Conv", "y", "x", "w")], {"w": np.ones((2, 1, 3), np.float32)}, (1, 1, 20))
    engine = FloatEngine(graph)
    first = engine.run({"x": np.ones((1, 1, 20), np.float32)})["y"]
    engine.run({"x": np.zeros((1, 1, 20), np.float32)})
    assert (first == 3.0).all()


@pytest.mark.parametrize("is_fused", [False, True])
def test_unsupported_operator_is_refused_at_load(is_fused: bool) -> None:
    """An operator that the runner lacks is named before anything runs."""
    graph = _graph([_node("LSTM", "y", "x")], {}, (1, 4, 4))
    with pytest.raises(ModelError, match="'LSTM'"):
        FloatEngine(graph, fused=is_fused)


def test_operator_of_another_domain_is_refused() -> None:
    """A foreign operator is not taken for the standard one of that name."""
    node = Node(op_type="Gelu", name="g", inputs=("x",), outputs=("y",), domain="com.microsoft")
    with pytest.raises(ModelError, match=r"com\.microsoft\.Gelu"):
        FloatEngine(_graph([node], {}, (1, 4)))


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"z": np.ones((2, 5, 16), np.float32)},
        {"x": np.ones((2, 5, 16), np.float64)},
        {"x": np.ones((2, 5, 15), np.float32)},
    ],
)
def test_inputs_that_are_not_the_models_are_refused(inputs: Tensors) -> None:
    """Wrong name, type and shape each raise ModelError."""
    with pytest.raises(ModelError):
        FloatEngine(_gelu_and_norm()).run(inputs)


@pytest.mark.parametrize("is_fused", [False, True])
def test_a_fault_inside_a_node_names_the_node(is_fused: bool) -> None:
    """Shapes that do not fit end in a ModelError with the node's name, not in numpy's own error."""
    graph = _graph([_node("MatMul", "product", "x", "w")], {"w": np.ones((3, 3), np.float32)}, (4, 4))
    with pytest.raises(ModelError, match="product"):
        FloatEngine(graph, fused=is_fused).run({"x": np.ones((4, 4), np.float32)})


def test_loading_a_file_names_it_in_the_refusal(tmp_path: Path) -> None:
    """The operator's name and the file's stand in one message."""
    path = tmp_path / "odd.onnx"
    _graph([_node("Einsum", "y", "x", equation="ij->ji")], {}, (4, 4)).save(path)
    with pytest.raises(ModelError, match=r"odd\.onnx: operator 'Einsum'"):
        FloatEngine.load(path)


def test_dead_values_are_dropped() -> None:
    """At the end of a run only outputs and constants are left."""
    graph = _gelu_and_norm()
    values = fused(graph, ["y"]).run({"x": np.ones((2, 5, 16), np.float32)})
    assert set(values) <= {"y", *graph.initializers}


def test_erf_is_accurate_to_float32() -> None:
    """Within 5e-7 of the C library's erf everywhere, odd, and never beyond one."""
    x = np.concatenate([np.linspace(-6, 6, 20001), np.geomspace(1e-30, 1, 500)]).astype(np.float32)
    exact = np.asarray([math.erf(value) for value in x.tolist()])
    assert np.abs(erf(x) - exact).max() < 5e-7
    assert np.abs(erf(x) - exact)[x != 0].max() <= (5e-7 * np.abs(exact[x != 0])).max()
    assert (erf(-x) == -erf(x)).all()
    assert np.abs(erf(x)).max() <= 1.0
