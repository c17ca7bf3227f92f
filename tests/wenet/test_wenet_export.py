"""The export: three graphs, the checks that vouch for them, and that these can fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from board_runner.contract import Array, InputContract
from board_runner.errors import ModelError
from board_runner.graph import Graph
from deployer import cli
from deployer.errors import CheckFailed
from tests.wenet.conftest import write_folder

pytestmark = pytest.mark.torch

GRAPHS = ("encoder", "ctc", "decoder")


def test_three_graphs_with_their_contracts(exported: Path) -> None:
    """Each file states its own contract, and its inputs and outputs are those."""
    for name in GRAPHS:
        graph = Graph.load(exported / f"wenet_{name}.onnx")
        assert isinstance(graph.contract, InputContract)
        assert (graph.contract.inputs, graph.contract.outputs) == (graph.inputs, graph.outputs)
        assert (13, name) == (graph.opset, graph.contract.front_end["graph"])
    report = json.loads((exported / "export_report.json").read_text(encoding="utf-8"))
    assert report["passed"] and set(report["models"]) == set(GRAPHS)
    assert all(check["passed"] for check in report["checks"])


def test_the_first_chunk_is_that_without_caches(exported: Path, network: Any) -> None:
    """131 frames, no caches in PyTorch, dummy frames in ONNX Runtime: `y[:, 1:]` and the caches to 1e-5."""
    import torch

    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    torch.manual_seed(1)
    feats = 8 + 2 * torch.randn(1, 131, 80)
    with torch.no_grad():
        y, caches = network.encoder.forward_chunk(feats)
    session = onnxruntime.InferenceSession(
        exported / "wenet_encoder.onnx", providers=["CPUExecutionProvider"]
    )
    rng = np.random.default_rng(1)
    inputs = {
        "feats": feats.numpy(),
        "offset": np.array([1]),
        "keep": np.array([5000]),
        "subsampling_cache": rng.standard_normal((1, 1, 32), np.float32),
        "layer_cache": rng.standard_normal((3, 1, 1, 32), np.float32),
        "convolution_cache": np.zeros((3, 1, 32, 14), np.float32),
    }
    out = session.run(None, inputs)
    assert (1, 33, 32) == out[0].shape
    np.testing.assert_allclose(out[0][:, 1:], y.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(out[1][:, 1:], caches.subsampling.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(out[2][:, :, 1:], caches.layers.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(out[3], caches.convolutions.numpy(), rtol=1e-5, atol=1e-5)


def test_a_graph_that_computes_something_else_is_found(folder: Path, exported: Path) -> None:
    """One row of a projection moved: every check that runs the encoder says so, in both runtimes."""
    from deployer.export import wenet_checks, wenet_source

    graphs = {name: onnx.load(exported / f"wenet_{name}.onnx") for name in GRAPHS}
    _move_a_weight(graphs["encoder"])
    failed = {
        check.name for check in wenet_checks.verify(wenet_source.load(folder), graphs) if not check.passed
    }
    assert {
        "first chunk without caches",
        "chunk by chunk, all history",
        "chunk by chunk, 2 chunks of history",
        "chunk by chunk, 0 chunks of history",
        "float engine, chunk by chunk",
    } == failed


def test_an_export_that_fails_a_check_is_not_taken_for_good(network: Any, tmp_path: Path) -> None:
    """Two layers that are one: told by name, and the files are named so that nobody takes them."""
    from deployer import export

    state = dict(network.state_dict())
    for name in [name for name in state if name.startswith("encoder.layers.1.")]:
        state[name] = state[name.replace("layers.1.", "layers.0.")]
    with pytest.raises(CheckFailed, match="of 16 checks failed"):
        export.run(write_folder(tmp_path / "copied", state), tmp_path / "out", model="wenet")
    assert [
        "rejected_wenet_ctc.onnx",
        "rejected_wenet_decoder.onnx",
        "rejected_wenet_encoder.onnx",
    ] == sorted(path.name for path in (tmp_path / "out").glob("*.onnx"))
    assert "**FAILED**" in (tmp_path / "out" / "export_report.md").read_text(encoding="utf-8")


def _move_a_weight(model: onnx.ModelProto) -> None:
    matrix = next(one for one in model.graph.initializer if list(one.dims) == [32, 32])
    value: Array = numpy_helper.to_array(matrix).copy()
    value[0] += 1
    matrix.CopyFrom(numpy_helper.from_array(value, matrix.name))


def test_a_dummy_that_is_used_is_found(exported: Path, folder: Path) -> None:
    """A graph whose output depends on frame 0 of a cache fails the check that says so."""
    from deployer.export import wenet_checks, wenet_source

    model = onnx.load(exported / "wenet_encoder.onnx")
    last = next(node for node in model.graph.node if "encoded" in node.output)
    last.output[0] = "before"
    model.graph.node.add(op_type="ReduceMean", input=["subsampling_cache"], output=["mean"])
    model.graph.node.add(op_type="Add", input=["before", "mean"], output=["encoded"])
    engine = wenet_checks.Session(model)
    found = list(wenet_checks.dummies_unused(wenet_source.load(folder), engine))
    assert [False, True] == [one.fits for one in found]


def test_the_command_exports_and_tells(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`deploy export --model wenet` gives the report as JSON, and the files lie in --out."""
    monkeypatch.chdir(tmp_path)
    asked = ["export", "--model", "wenet", "--checkpoint", str(folder), "--out", "graphs", "--json", "-q"]
    assert 0 == cli.execute(asked)
    report = json.loads(capsys.readouterr().out)
    assert {"wenet_encoder.onnx", "wenet_ctc.onnx", "wenet_decoder.onnx"} == {
        Path(file["path"]).name for file in report["models"].values()
    }
    assert all((tmp_path / file["path"]).is_file() for file in report["models"].values())


def test_weights_without_ctc_are_named(tmp_path: Path) -> None:
    """What is no recogniser is refused before a network is made."""
    import torch

    from deployer.export import wenet_source

    with pytest.raises(ModelError, match="no CTC layer"):
        wenet_source.load(write_folder(tmp_path / "other", {"fc.bias": torch.zeros(3)}))


@pytest.mark.parametrize("asked", [["convert"], ["compare-sim", "onnx", "float"]])
def test_what_takes_one_model_says_that_these_are_three(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A project of WeNet is refused by the commands that convert."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploy.yaml").write_text("model: {name: wenet}\n", encoding="utf-8")
    assert 2 == cli.execute([*asked, "-q"])
    assert "wenet is encoder, ctc, decoder" in capsys.readouterr().err
