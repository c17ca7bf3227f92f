"""`deploy fold` and its report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from board_runner.float_engine import FloatEngine
from deployer import cli
from deployer.folding import proof
from deployer.folding.proof import Timing
from tests.folding.graphs import Maker, convolution


def test_a_model_is_folded_proven_and_timed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report says what went where, how far apart the engines saw both, and the ratio of times."""
    path = tmp_path / "net.onnx"
    onnx.save_model(convolution(), str(path))
    assert cli.execute(["fold", str(path), "--pairs", "5", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["written"] == str(tmp_path / "net_bnfused.onnx")
    assert [(row["norm"], row["layer"], row["op_type"]) for row in report["folds"]] == [
        ("bn", "conv", "Conv")
    ]
    assert report["passed"]
    for row in report["differences"]:
        assert 0 <= row["max_abs"] <= row["limit"]
    assert {row["engine"] for row in report["timings"]} >= {"float engine"}
    assert all(row["low"] <= row["ratio"] <= row["high"] for row in report["timings"])
    x = np.random.default_rng(1).standard_normal((1, 6, 8, 8)).astype(np.float32)
    before, after = (FloatEngine.load(p).run({"x": x})["y"] for p in (path, tmp_path / "net_bnfused.onnx"))
    assert np.abs(before - after).max() < 1e-4


def test_the_report_in_words_names_what_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One normalisation goes, one after a ReLU stays with its reason; `--out` is where the model lands."""
    m = Maker()
    m.node("Conv", ["x", m.constant("w", 6, 6, 3)], "conv")
    m.norm("conv", "one", 6)
    m.node("Relu", ["one"], "r")
    m.norm("r", "y", 6)
    path, out = tmp_path / "net.onnx", tmp_path / "deep" / "made.onnx"
    onnx.save_model(m.model((1, 6, 9), {"y": 3}), str(path))
    assert cli.execute(["fold", str(path), "--out", str(out), "--pairs", "0"]) == 0
    said = capsys.readouterr().out
    assert "1 folded, 1 left" in said
    assert "folded  one into Conv conv" in said
    assert "left    y: it comes after Relu, which is no layer" in said
    assert f"wrote {out}" in said
    assert " ms " not in said


def test_nothing_is_written_where_nothing_folds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, the reasons, and no file."""
    m = Maker()
    m.node("Relu", ["x"], "r")
    m.norm("r", "y", 6)
    path = tmp_path / "net.onnx"
    onnx.save_model(m.model((1, 6, 9), {"y": 3}), str(path))
    assert cli.execute(["fold", str(path)]) == 1
    said = capsys.readouterr()
    assert "wrote nothing" in said.out
    assert "none of 1 batch normalisations can be folded" in said.err
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("case", ["twice", "none", "no model", "missing"])
def test_files_that_cannot_be_folded_are_refused(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Folded before, without normalisation, no ONNX at all, not there: exit code 2 and one line each."""
    path = tmp_path / "net.onnx"
    onnx.save_model(convolution(), str(path))
    if case == "twice":
        assert cli.execute(["fold", str(path), "--pairs", "0"]) == 0
        path = tmp_path / "net_bnfused.onnx"
        m = onnx.load_model(str(path))
        m.graph.node.extend(convolution().graph.node[1:2])  # even if one stands there again
        m.graph.node[-1].output[0] = "z"
        m.graph.initializer.extend(t for t in convolution().graph.initializer if t.name.startswith("bn."))
        onnx.save_model(m, str(path))
    elif case == "none":
        plain = Maker()
        plain.node("Relu", ["x"], "y")
        onnx.save_model(plain.model((1, 6), {"y": 2}), str(path))
    elif case == "no model":
        path.write_bytes(b"no protobuf")
    else:
        path = tmp_path / "nowhere.onnx"
    said = {"twice": "was folded before", "none": "no batch normalisation", "no model": "not an ONNX model"}
    assert cli.execute(["fold", str(path), "--pairs", "0"]) == 2
    assert said.get(case, "no such model file") in capsys.readouterr().err


def test_a_model_with_open_sizes_is_proven(tmp_path: Path) -> None:
    """A free batch and a free length get sizes to run at."""
    m = Maker()
    m.node("Conv", ["x", m.constant("w", 6, 6, 3)], "conv")
    m.norm("conv", "y", 6)
    model = m.model((None, 6, None), {"y": 3})
    assert proof.seeded(model)["noise"]["x"].shape == (1, 6, proof.FREE_AXIS)


def test_a_wrong_fold_would_be_seen() -> None:
    """The proof sees weights that are a thousandth off, however small the outputs are."""
    before = convolution()
    for tensor in before.graph.initializer:
        if tensor.name in ("bn.scale", "bn.shift"):
            _times(tensor, 1e-2)
    after = onnx.ModelProto()
    after.CopyFrom(before)
    _times(next(t for t in after.graph.initializer if t.name == "w"), 1.001)
    rows, _ = proof.differences(before, after)
    assert rows
    assert not any(row.passed for row in rows)


def test_a_gain_within_the_spread_is_no_gain() -> None:
    """The words for a timing are no bolder than its quartiles."""
    assert "no difference beyond" in _timing(1.02, 0.97, 1.1).told
    assert "1.10 times faster" in _timing(1.1, 1.05, 1.2).told
    assert "1.25 times slower" in _timing(0.8, 0.7, 0.9).told


def _times(tensor: onnx.TensorProto, factor: float) -> None:
    value = onnx.numpy_helper.to_array(tensor) * np.float32(factor)
    tensor.CopyFrom(onnx.numpy_helper.from_array(value, tensor.name))


def _timing(ratio: float, low: float, high: float) -> Timing:
    return Timing(engine="e", pairs=9, before_ms=1.0, after_ms=1.0, ratio=ratio, low=low, high=high)


def test_a_model_with_branches_is_folded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the float engine has no use for is proven in ONNX Runtime; the report says who did not take part."""
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    m = Maker()
    m.node("Conv", ["x", m.constant("w", 6, 6, 3)], "conv")
    m.norm("conv", "bn", 6)
    branch = helper.make_graph(
        [helper.make_node("Neg", ["bn"], ["z"])],
        "branch",
        [],
        [helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, None)],
    )
    m.constants["yes"] = np.asarray(True)
    m.node("If", ["yes"], "y", then_branch=branch, else_branch=branch)
    onnx.save_model(m.model((1, 6, 9), {"y": 3}), str(tmp_path / "net.onnx"))
    assert cli.execute(["fold", str(tmp_path / "net.onnx"), "--json", "--pairs", "2"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["folds"]) == 1
    assert list(report["not_run"]) == ["float engine"]
    assert {row["engine"] for row in report["timings"]} == {row["engine"] for row in report["differences"]}


def test_an_engine_that_no_longer_runs_the_graph_fails_the_proof() -> None:
    """A folded graph that is broken differs as much as can be; one that never ran proves nothing."""
    before, after = convolution(), convolution()
    tensor = next(t for t in after.graph.initializer if t.name == "bn.scale")
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.ones(5, np.float32), "bn.scale"))
    rows, _ = proof.differences(before, after)
    assert [row for row in rows if row.engine == "float engine" and row.max_abs == float("inf")]
