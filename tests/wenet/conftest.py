"""A small recogniser with random weights, its checkpoint folder and its exported graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board_runner.contract import Array
from board_runner.quant.settings import QuantSettings
from tests.wenet import streams
from tests.wenet.streams import Streamed

SIZES = {
    "width": 32,
    "heads": 4,
    "hidden": 48,
    "layers": 3,
    "tokens": 11,
    "decoder_heads": 2,
    "decoder_hidden": 40,
    "decoder_layers": 2,
}

SETTINGS = """\
encoder: conformer
encoder_conf: {output_size: 32, attention_heads: 4, linear_units: 48, num_blocks: 3, cnn_module_kernel: 15}
decoder: transformer
decoder_conf: {attention_heads: 2, linear_units: 40, num_blocks: 2}
"""


def write_folder(folder: Path, state: dict[str, Any], settings: str = SETTINGS) -> Path:
    """A checkpoint folder as `deploy export` takes it."""
    import torch

    folder.mkdir(exist_ok=True)
    (folder / "args.yml").write_text(settings, encoding="utf-8")
    torch.save({"model_dict": state}, folder / "chkpnt.pt")
    return folder


def random_network(**sizes: int) -> Any:
    """A recogniser in evaluation mode, whose norms and feature statistics are far from doing nothing."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from deployer.export.wenet_sizes import WenetShape
    from deployer.export.wenet_source import U2

    torch.manual_seed(3)
    made = U2(WenetShape(**(SIZES | sizes))).eval()
    for name, value in made.state_dict().items():
        if name.endswith("istd"):
            value.uniform_(0.2, 0.4)
        elif name.endswith("subsampling.mean"):
            value.normal_(8, 1)
        elif "norm" in name:
            value.add_(0.3 * torch.randn(value.shape))
    return made


@pytest.fixture(scope="session")
def network() -> Any:
    """The small one of `SIZES`."""
    return random_network()


@pytest.fixture(scope="session")
def folder(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its checkpoint folder."""
    return write_folder(tmp_path_factory.mktemp("wenet") / "checkpoint", network.state_dict())


@pytest.fixture(scope="session")
def exported(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its three graphs and their report."""
    for tool in ("onnxsim", "onnxruntime"):
        pytest.importorskip(tool, reason="the ONNX tools are not installed")
    from deployer import export

    out = tmp_path_factory.mktemp("wenet graphs")
    export.run(folder, out, model="wenet")
    return out


@pytest.fixture(scope="session")
def clip() -> Array:
    """Three seconds at 16 kHz: a sweep under a little noise."""
    t = np.arange(48000) / 16000
    noise = np.random.default_rng(5).standard_normal(t.size)
    return np.asarray(0.3 * np.sin(2 * np.pi * (200 * t + 300 * t * t)) + 0.05 * noise, np.float32)


FIXED = (8, 3)
"""Frames of a chunk and chunks back of the graph of fixed sizes."""


@pytest.fixture(scope="session")
def static(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The graph of fixed sizes of the small network."""
    pytest.importorskip("onnxsim", reason="the ONNX tools are not installed")
    import onnx

    from board_runner.models.wenet_chunks import Chunking
    from deployer.export import wenet_static
    from deployer.export.wenet_source import WenetSource

    chunking = Chunking(frames=FIXED[0], left_chunks=FIXED[1])
    source = WenetSource(folder=Path(), network=network, chunking=chunking)
    graph, _ = wenet_static.trace(source, wenet_static.contract_of(source, chunking))
    path = tmp_path_factory.mktemp("wenet static") / "wenet_static.onnx"
    onnx.save(graph, str(path))
    return path


@pytest.fixture(scope="session")
def streamed(tmp_path_factory: pytest.TempPathFactory) -> Streamed:
    """A recogniser of three layers, 64 wide, at fixed sizes, and two shipped clips of 2.4 s, eight chunks each."""
    for tool in ("onnxsim", "onnxruntime", "scipy"):
        pytest.importorskip(tool, reason=f"{tool} is not installed")
    from board_runner.models.wenet_chunks import Chunking

    network = random_network(width=64, hidden=128)
    chunking = Chunking(frames=FIXED[0], left_chunks=FIXED[1])
    clips = [streams.sound(path, 2.4) for path in streams.CLIPS[1:3]]
    return streams.write(tmp_path_factory.mktemp("streamed"), network, chunking, clips)


@pytest.fixture(scope="session")
def fixed(streamed: Streamed) -> dict[int, Path]:
    """Its fixed models and, beside them, images: convolutions in 8 and in 16 bits."""
    return {
        bits: streamed.fixed(f"{bits}", QuantSettings(conv_bits=16 if bits == 16 else 8)) for bits in (8, 16)
    }
