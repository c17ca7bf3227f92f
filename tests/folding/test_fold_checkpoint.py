"""Folding PyTorch checkpoints by a graph of their network, and the network that comes of it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'sgs-deploy[export]'")
pytest.importorskip("onnxsim", reason="onnxsim is not installed")

from board_runner.errors import ModelError, UsageError  # noqa: E402
from deployer.export import sources, weights  # noqa: E402
from deployer.export.eat import Eat, EatShape  # noqa: E402
from deployer.export.state_fold import fold_checkpoint, folded_network  # noqa: E402
from deployer.folding.records import MARK  # noqa: E402
from tests.kws.conftest import random_network  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(params=["CNN-S", "DS-CNN-S"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A checkpoint folder of keyword spotting."""
    (tmp_path / "args.yml").write_text(f"model_size_info: {request.param}\n")
    torch.save({"model_dict": random_network(request.param).state_dict()}, tmp_path / "chkpnt.pt")
    return tmp_path


def test_the_folded_weights_are_the_network_without_normalisations(folder: Path) -> None:
    """Loaded into a network that has none, they give the trained network's logits on a new input."""
    report = fold_checkpoint(folder, model="kws")
    assert report.written == folder / "chkpnt_bnfused.pt"
    assert (report.left, report.failed) == ((), ())
    assert [row.engine for row in report.differences][-1] == "PyTorch"
    content = torch.load(report.written, weights_only=True)
    assert content[MARK] == [fold.norm for fold in report.folds]
    assert not [name for name in content["model_dict"] if "norm" in name]
    trained = sources.load("kws", folder).network
    state = {name: value.numpy() for name, value in content["model_dict"].items()}
    made = folded_network(trained, report.folds, state).eval()
    assert not [layer for layer in made.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    x = 3 * torch.randn(2, 1, 49, 10)
    assert torch.allclose(made(x), trained(x), atol=1e-5)


def test_folding_twice_is_refused(folder: Path) -> None:
    """The folded file has no normalisation left that the graph speaks of."""
    report = fold_checkpoint(folder, model="kws")
    graph = _graph(sources.load("kws", folder).network, folder)
    assert report.written is not None
    with pytest.raises(ModelError, match=r"has no layers\.0\.norm.weight: folded before"):
        fold_checkpoint(report.written, model="kws", graph=graph)


def test_a_file_of_weights_is_folded_by_a_graph(folder: Path) -> None:
    """The graph gives the pairs, whatever weights it was exported with; the checkpoint gives the numbers."""
    network = sources.load("kws", folder).network
    other = type(network)(network.shape).eval()
    report = fold_checkpoint(
        folder / "chkpnt.pt", folder / "made.pt", model="kws", graph=_graph(other, folder)
    )
    by_folder = fold_checkpoint(folder, model="kws")
    assert (report.written, by_folder.written) == (folder / "made.pt", folder / "chkpnt_bnfused.pt")
    ours, theirs = weights.read(folder / "made.pt"), weights.read(folder / "chkpnt_bnfused.pt")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_a_file_of_weights_alone_is_refused(folder: Path) -> None:
    """Which layer a normalisation follows is not guessed from the order of names."""
    with pytest.raises(UsageError, match="does not say which layer"):
        fold_checkpoint(folder / "chkpnt.pt", model="kws")
    with pytest.raises(ModelError, match="in the checkpoint"):
        fold_checkpoint(folder / "chkpnt.pt", model="kws", graph=_graph(random_network("CNN-M"), folder))


def test_layers_without_bias_get_one(tmp_path: Path) -> None:
    """EAT's convolutions have none: the folded ones do, and give the same."""
    torch.manual_seed(3)
    # Scales and shifts as they begin, all equal: the exporter stores such weights once.
    shape = EatShape(
        nf=4, width=16, layers=1, heads=2, feed_forward=24, factors=(2, 2), samples=512, classes=6
    )
    network = Eat(shape)
    for name, value in network.state_dict().items():
        if name.endswith(("running_var", "running_mean")):
            value.uniform_(0.5, 2.0)
    settings: dict[str, Any] = {"nf": 4, "emb_dim": 16, "n_layers": 1, "n_head": 2, "dim_feedforward": 24}
    settings |= {"ds_factors": [2, 2], "seq_len": 512, "n_classes": 6}
    (tmp_path / "args.yml").write_text("\n".join(f"{key}: {value}" for key, value in settings.items()))
    torch.save({"model_dict": network.state_dict()}, tmp_path / "chkpnt.pt")
    report = fold_checkpoint(tmp_path, model="eat")
    norms = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm1d)]
    assert (len(report.folds), report.failed) == (len(norms), ())
    assert report.written is not None
    state: dict[str, Any] = weights.read(report.written)
    assert "start.1.bias" in state
    assert not [name for name in state if "running_mean" in name]


def _graph(network: Any, folder: Path) -> Path:
    """The network as ONNX with its normalisations kept."""
    path = folder / "graph.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its successor, and of slices it does not fold
        torch.onnx.export(
            network,
            (torch.zeros(1, 1, 49, 10),),
            str(path),
            opset_version=13,
            dynamo=False,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            input_names=["mfcc"],
        )
    return path
