"""Every operator with an integer form, alone: within a level of ONNX Runtime, and bit for bit everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board_runner.contract import METADATA_KEY, Array, InputContract, Tensors, TensorSpec
from board_runner.errors import ModelError
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph, Node
from board_runner.integer import exact, image
from board_runner.integer.engine import IntegerEngine
from board_runner.quant.fixed_engine import FixedEngine
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.settings import QuantSettings
from tests.quant import apart
from tests.quant.judging import sqnr_db

RNG = np.random.default_rng(31)


def _weights(*shape: int) -> Array:
    return np.asarray(RNG.standard_normal(shape) / np.sqrt(np.prod(shape[1:])), np.float32)


def _ints(*values: int) -> Array:
    return np.array(values, np.int64)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One operator on `x`, on `y` that is half the tanh of x, and on constants; the last of `outputs` counts."""

    op: str
    inputs: str = "x"
    constants: Mapping[str, Array] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = (1, 4, 6, 7)
    out: tuple[int, ...] = (1, 4, 6, 7)
    outputs: str = "z"
    opset: int = 13

    def graph(self) -> Graph:
        """With the contract that the files want."""
        nodes = [
            Node(op_type="Tanh", name="tanh", inputs=("x",), outputs=("t",)),
            Node(op_type="Mul", name="half", inputs=("t", "two"), outputs=("y",)),
            Node(
                op_type=self.op,
                name="asked",
                inputs=tuple(self.inputs.split()),
                outputs=tuple(self.outputs.split()),
                attributes=self.attributes,
            ),
        ]
        spec = TensorSpec(name="x", dtype="float32", shape=self.shape)
        last = TensorSpec(name=self.outputs.split()[-1], dtype="float32", shape=self.out)
        contract = InputContract(model="kws", sample_rate_hz=16000, inputs=(spec,), outputs=(last,))
        return Graph(
            nodes=tuple(nodes),
            initializers={"two": np.array(0.5, np.float32), **self.constants},
            inputs=(spec,),
            outputs=(last,),
            opset=self.opset,
            metadata={METADATA_KEY: contract.to_json()},
        )


NORM = {name: RNG.uniform(0.5, 2, 4).astype(np.float32) for name in ("mean", "variance")}
NORM |= {"gamma": np.array([1.5, -0.7, 0.0, 0.2], np.float32), "beta": _weights(4)}
W33 = {"w": _weights(8, 4, 3, 3), "b": _weights(8)}

CASES = {
    "conv": Case(
        op="Conv", inputs="x w b", constants=W33, attributes={"pads": [1, 0, 1, 2]}, out=(1, 8, 6, 7)
    ),
    "conv, grouped, strided": Case(
        op="Conv",
        inputs="x w",
        constants={"w": _weights(6, 2, 3, 2)},
        attributes={"group": 2, "strides": [2, 3], "dilations": [1, 2]},
        out=(1, 6, 2, 2),
    ),
    "conv, depthwise": Case(
        op="Conv",
        inputs="x w b",
        constants={"w": _weights(4, 1, 3, 3), "b": _weights(4)},
        attributes={"group": 4, "pads": [1, 1, 1, 1], "strides": [2, 1]},
        out=(1, 4, 3, 7),
    ),
    "batch norm": Case(op="BatchNormalization", inputs="x gamma beta mean variance", constants=NORM),
    "average pool": Case(
        op="AveragePool",
        attributes={"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 0], "count_include_pad": 1},
        out=(1, 4, 3, 6),
    ),
    "max pool": Case(
        op="MaxPool",
        attributes={"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]},
        out=(1, 4, 3, 7),
    ),
    "global average": Case(op="GlobalAveragePool", out=(1, 4, 1, 1)),
    "mean, axes kept": Case(op="ReduceMean", attributes={"axes": [3], "keepdims": 1}, out=(1, 4, 6, 1)),
    "mean, axes gone": Case(op="ReduceMean", attributes={"axes": [2, -1], "keepdims": 0}, out=(1, 4)),
    "sum": Case(
        op="ReduceSum",
        inputs="x axes",
        constants={"axes": _ints(1)},
        attributes={"keepdims": 0},
        out=(1, 6, 7),
    ),
    "relu": Case(op="Relu"),
    "clip below": Case(op="Clip", inputs="x low", constants={"low": np.array(-0.25, np.float32)}),
    "clip above": Case(
        op="Clip",
        inputs="x none high",
        constants={"none": np.array(-1e9, np.float32), "high": np.array(0.5, np.float32)},
    ),
    "hard sigmoid": Case(op="HardSigmoid", attributes={"alpha": 1 / 6}),
    "hard swish": Case(op="HardSwish", opset=14),
    "sigmoid": Case(op="Sigmoid"),
    "tanh": Case(op="Tanh"),
    "sqrt": Case(op="Sqrt", inputs="x"),
    "product": Case(op="Mul", inputs="x y"),
    "product that spreads": Case(op="Mul", inputs="x row", constants={"row": _weights(6, 1)}),
    "by a negative number": Case(op="Mul", inputs="minus x", constants={"minus": np.array(-1.7, np.float32)}),
    "quotient": Case(
        op="Div", inputs="y c", constants={"c": RNG.uniform(0.5, 3, (4, 1, 1)).astype(np.float32)}
    ),
    "quotient by a number": Case(op="Div", inputs="x c", constants={"c": np.array(-3.0, np.float32)}),
    "difference": Case(op="Sub", inputs="x y"),
    "difference from a constant": Case(op="Sub", inputs="c x", constants={"c": _weights(4, 1, 1)}),
    "larger": Case(op="Max", inputs="x y"),
    "slice": Case(
        op="Slice",
        inputs="x starts ends axes steps",
        constants={"starts": _ints(1, -5), "ends": _ints(99, -1), "axes": _ints(3, -2), "steps": _ints(2, 1)},
        out=(1, 4, 4, 3),
    ),
    "split": Case(
        op="Split",
        inputs="x sizes",
        constants={"sizes": _ints(1, 3)},
        attributes={"axis": 1},
        outputs="first z",
        out=(1, 3, 6, 7),
    ),
    "softmax": Case(op="Softmax", attributes={"axis": -1}),
}


def _samples(case: Case, count: int = 4) -> list[Tensors]:
    low = 0.01 if case.op == "Sqrt" else -4.0
    return [{"x": RNG.uniform(low, 4, case.shape).astype(np.float32)} for _ in range(count)]


@pytest.mark.parametrize("name", CASES)
def test_an_operator_in_integers(name: str, tmp_path: Path) -> None:
    """Within one level of ONNX Runtime fed alike, the same bits offline and in integers alone, 60 dB from float."""
    case = CASES[name]
    samples = _samples(case)
    case.graph().save(tmp_path / "float.sim")
    write_fixed(
        tmp_path / "float.sim", tmp_path / "fixed.sim", samples=samples, settings=QuantSettings(conv_bits=16)
    )
    _, worst = apart.shares(tmp_path / "fixed.sim", samples[:2])
    assert max(worst.values()) <= 1, worst

    fixed, reference = FixedEngine(Graph.load(tmp_path / "fixed.sim")), FloatEngine(case.graph())
    contract = case.graph().contract
    assert contract is not None
    loaded = image.unpack(image.pack("pcupid", contract, fixed.program))
    offline = IntegerEngine(loaded.program, plan=loaded.plan)
    plain = IntegerEngine(loaded.program, prepare=exact.prepare)
    (last,) = fixed.outputs
    for sample in (*samples, {"x": np.full(case.shape, 77, np.float32)}):
        levels = fixed.run_raw(sample)[last.name]
        assert np.array_equal(levels, offline.run_raw(sample)[last.name])
        assert np.array_equal(levels, plain.run_raw(sample)[last.name])
    exactly = np.concatenate([reference.run(sample)[last.name] for sample in samples])
    assert 60 < sqnr_db(exactly, np.concatenate([fixed.run(sample)[last.name] for sample in samples]))


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        (Case(op="Erf"), "operator Erf has no integer form"),
        (Case(op="Softmax", attributes={"axis": 1}), "asked: Softmax over another axis"),
        (
            Case(op="MaxPool", attributes={"kernel_shape": [2, 2], "ceil_mode": 1}, out=(1, 4, 5, 6)),
            "ceil_mode",
        ),
        (
            Case(op="AveragePool", attributes={"kernel_shape": [2, 2], "pads": [1, 1, 0, 0]}),
            "AveragePool that leaves its pads out of the count",
        ),
        (
            Case(op="Conv", inputs="x w b", constants=W33, attributes={"auto_pad": "SAME_UPPER"}),
            "auto_pad SAME_UPPER",
        ),
        (Case(op="Max", inputs="x y x"), "Max of 3"),
        (Case(op="Split", outputs="first z", out=(1, 4, 6, 7)), "Split without constant sizes"),
    ],
)
def test_a_form_that_has_no_instruction_is_refused_by_name(case: Case, fault: str, tmp_path: Path) -> None:
    """At the latest when the fixed model is loaded, with the node and what it asks for."""
    case.graph().save(tmp_path / "float.sim")
    with pytest.raises(ModelError, match=fault):
        write_fixed(tmp_path / "float.sim", tmp_path / "fixed.sim", samples=_samples(case, 1))
        FixedEngine(Graph.load(tmp_path / "fixed.sim"))


def test_an_input_of_changing_size_is_refused_with_its_shape(tmp_path: Path) -> None:
    """The integer program is planned for one size."""
    graph = Case(op="Relu", shape=(1, 4, -1, 7)).graph()
    graph.save(tmp_path / "float.sim")
    with pytest.raises(ModelError, match=r"input 'x' is float32\[1, 4, -1, 7\]") as caught:
        write_fixed(tmp_path / "float.sim", tmp_path / "fixed.sim", samples=[])
    assert "sizes that it will run at" in caught.value.hint


def test_what_only_a_relu_reads_has_the_range_of_its_result(tmp_path: Path) -> None:
    """What lies below 0 is cut off anyway: the levels of a convolution are spent on what is left."""
    case = CASES["conv"]
    graph = case.graph()
    relu = Node(op_type="Relu", name="relu", inputs=("z",), outputs=("r",))
    low = {**graph.initializers, "b": np.full(8, -3, np.float32)}
    spec = TensorSpec(name="r", dtype="float32", shape=case.out)
    Graph(
        nodes=(*graph.nodes, relu),
        initializers=low,
        inputs=graph.inputs,
        outputs=(spec,),
        opset=13,
    ).save(tmp_path / "float.sim")
    made = write_fixed(tmp_path / "float.sim", tmp_path / "fixed.sim", samples=_samples(case))

    assert made.scheme.ranges["z"] == made.scheme.ranges["r"]
    assert made.scheme.ranges["z"][1] < -made.statistics.ranges["z"][0]


@pytest.mark.parametrize("linear", ["", "Mul", "Add", "Mul Add"])
def test_a_layer_normalisation_is_one_without_gain_or_offset_too(linear: str, tmp_path: Path) -> None:
    """A simplifier drops gains of ones and offsets of zeros; what is left converts, and is what float gives."""
    steps = [
        ("ReduceMean", "x", "mean", {"axes": [-1]}),
        ("Sub", "x mean", "centred", {}),
        ("Pow", "centred two", "squares", {}),
        ("ReduceMean", "squares", "variance", {"axes": [-1]}),
        ("Add", "variance epsilon", "safe", {}),
        ("Sqrt", "safe", "deviation", {}),
        ("Div", "centred deviation", "normal", {}),
    ]
    for op in linear.split():
        steps.append((op, f"{steps[-1][2]} {op}", f"after{op}", {}))
    steps[-1] = (steps[-1][0], steps[-1][1], "z", {})
    nodes = [
        Node(op_type=op, name=out, inputs=tuple(given.split()), outputs=(out,), attributes=attributes)
        for op, given, out, attributes in steps
    ]
    constants = {"two": np.float32(2), "epsilon": np.float32(1e-5), "Mul": _weights(7), "Add": _weights(7)}
    used = {name for node in nodes for name in node.inputs}
    spec = TensorSpec(name="x", dtype="float32", shape=(1, 5, 7))
    graph = Graph(
        nodes=tuple(nodes),
        initializers={name: np.asarray(value) for name, value in constants.items() if name in used},
        inputs=(spec,),
        outputs=(replace(spec, name="z"),),
        opset=13,
    )
    graph.save(tmp_path / "a.onnx")
    x = np.asarray(RNG.standard_normal((1, 5, 7)), np.float32)
    write_fixed(tmp_path / "a.onnx", tmp_path / "fixed.sim", samples=[{"x": x}], settings=QuantSettings())
    fixed = FixedEngine(Graph.load(tmp_path / "fixed.sim"))

    assert [step.op for step in fixed.program.instructions] == ["quantize", "layernorm"]
    assert sqnr_db(FloatEngine.load(tmp_path / "a.onnx").run({"x": x})["z"], fixed.run({"x": x})["z"]) > 75
