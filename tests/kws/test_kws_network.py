"""The six networks: sizes, counts, what the string of sizes may say, and the export of each kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.float_engine import FloatEngine
from board_runner.models import kws
from deployer import cli
from deployer.export.kws_sizes import PRESETS, parse
from tests.frontends.signals import sweep

Write = Callable[..., Path]
SEED_SIZES = "28 10 4 1 1 30 10 4 2 1 16 128"

COUNTS = {
    "CNN-S": (69_868, 69_496, 2_498_560),
    "CNN-M": (179_182, 178_702, 8_634_112),
    "CNN-L": (476_992, 476_464, 12_636_928),
    "DS-CNN-S": (23_886, 22_734, 2_656_896),
    "DS-CNN-M": (138_474, 135_378, 9_816_728),
    "DS-CNN-L": (417_326, 411_254, 28_328_364),
}
"""Parameters with and without those of the batch normalisations, and multiply-accumulates; 14 classes."""


@pytest.mark.torch
@pytest.mark.parametrize("name", PRESETS)
def test_a_network_has_the_papers_counts(name: str) -> None:
    """Neither a bias nor a pixel too few: parameters, parameters once folded, and multiplications."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from deployer.export.counting import multiplications, parameters
    from deployer.export.kws import build

    network = build(parse(name, classes=14))
    norms = sum(p.numel() for key, p in network.named_parameters() if "norm" in key)
    total = parameters(network)
    assert COUNTS[name] == (total, total - norms, multiplications(network, 1, 1, 49, 10))


def test_the_seeds_sizes_are_those_of_cnn_s() -> None:
    """The string parses, as one text, with commas, and by the preset's name in any case."""
    shape = parse(SEED_SIZES)
    assert shape == parse(SEED_SIZES.replace(" ", ", ")) == parse("cnn-s")
    assert shape.sizes() == [(40, 7), (16, 4)]
    assert (shape.dense, shape.separable) == ((16, 128), False)
    assert parse("DS-CNN-S").sizes() == [(25, 5)] * 5


@pytest.mark.parametrize(
    ("sizes", "fault"),
    [
        ("28 10 4", "3 sizes make no"),
        ("5 64 10 4 2 2 64 3 3 1 1", "11 sizes make no"),
        ("CNN-XL", "no string of sizes"),
        ("28 0 4 1 1 30 10 4 2 1 16 128", "no string of sizes"),
        ("", "no string of sizes"),
        ("28 10 11 1 1 30 10 4 2 1 16 128", "does not fit"),
    ],
)
def test_sizes_that_make_no_network_are_refused(sizes: str, fault: str) -> None:
    """Too few, too many, not numbers, or a kernel wider than what it should read."""
    with pytest.raises(ModelError, match=fault):
        parse(sizes)


@pytest.mark.torch
@pytest.mark.parametrize("sizes", ["CNN-S", "DS-CNN-S", "3 8 10 4 2 1 8 3 3 2 2 12 3 3 1 1"])
def test_an_export_computes_what_the_network_does(
    sizes: str, kws_folder: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`deploy export --model kws`: all checks pass, no batch normalisation is left, the runner agrees."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("onnxsim", reason="onnxsim is not installed")
    from deployer.export import sources

    folder = kws_folder(sizes)
    out = tmp_path / "out"
    words = ["export", "--model", "kws", "--checkpoint", str(folder), "--out", str(out), "--json", "-q"]
    assert cli.execute(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["passed"]
    network = sources.load("kws", folder).network
    features = _features()
    with torch.no_grad():
        wanted = network(torch.from_numpy(features)).numpy()
    engine = FloatEngine.load(out / "kws_sim.onnx")
    assert "BatchNormalization" not in {node.op_type for node in engine.graph.nodes}
    assert engine.graph.contract == kws.contract()
    assert np.abs(engine.run({"mfcc": features})["logits"] - wanted).max() < 1e-5


@pytest.mark.torch
def test_settings_have_the_recipes_names(kws_folder: Write) -> None:
    """Window, stride, words and coefficient count of `args.yml` decide the contract."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from deployer.export import sources

    folder = kws_folder(
        "DS-CNN-S", classes=4, window_size_ms=40.0, window_stride_ms=20.0, wanted_words="yes,no"
    )
    contract = sources.load("kws", folder).contract
    assert contract.outputs[0].shape == (1, 4)
    assert (contract.front_end["window"], contract.front_end["stride"]) == (640, 320)
    (folder / "args.yml").write_text("model_size_info: DS-CNN-S\nwindow_size_ms: wide\n")
    with pytest.raises(ModelError, match="window_size_ms is 'wide'"):
        sources.load("kws", folder)
    (folder / "args.yml").write_text("window_size_ms: 32\n")
    with pytest.raises(ModelError, match="no model_size_info"):
        sources.load("kws", folder)
    (folder / "args.yml").write_text("model_size_info: CNN-S\n")
    with pytest.raises(ModelError, match="lacks"):
        sources.load("kws", folder)


def _features() -> Array:
    [chunk] = kws.chunks(sweep(), kws.contract())
    return np.asarray(chunk["mfcc"])
