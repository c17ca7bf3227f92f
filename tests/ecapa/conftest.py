"""A small ECAPA-TDNN with random weights as a checkpoint folder, its export, and a tree like VoxCeleb1's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board_runner.contract import Array
from deployer import prepare

SMALL = {"channels": 24, "inner": 32, "bottleneck": 8, "pooled": 36, "width": 16}
"""The least sizes that still have every kind of layer."""


def network_of(name: str, **sizes: Any) -> Any:
    """A network in evaluation mode whose statistics are far from doing nothing."""
    import torch

    from deployer.export.ecapa import Ecapa
    from deployer.export.ecapa_source import shape_of

    torch.manual_seed(5)
    network = Ecapa(shape_of({"network": name, **SMALL, **sizes}, "args.yml")).eval()
    for key, value in network.state_dict().items():
        if key.endswith("running_var"):
            value.uniform_(0.5, 2.0)
        elif key.endswith("running_mean") or ("norm" in key and key.endswith("bias")):
            value.normal_(0, 0.3)
        elif "norm" in key and key.endswith("weight"):
            value.uniform_(0.7, 1.3)
    return network


def write_checkpoint(folder: Path, name: str, state: Any = None, **settings: Any) -> Path:
    """A checkpoint folder of a small network, or of `state` with its sizes."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    told = {"network": name, **SMALL, **settings}
    (folder / "args.yml").write_text("".join(f"{key}: {value}\n" for key, value in told.items()))
    torch.save(
        {"model_dict": network_of(name).state_dict() if state is None else state}, folder / "chkpnt.pt"
    )
    return folder


@pytest.fixture(scope="session")
def small_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The seed's network, small."""
    return write_checkpoint(tmp_path_factory.mktemp("ecapa") / "checkpoint", "seed")


@pytest.fixture(scope="session")
def small_export(small_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `deploy export` of `small_checkpoint` wrote."""
    pytest.importorskip("onnxsim", reason="onnxsim is not installed")
    from deployer import export

    out = tmp_path_factory.mktemp("ecapa export")
    export.run(small_checkpoint, out, model="ecapa")
    return out


def voice(pitch_hz: float, seconds: float, seed: int) -> Array:
    """A hum of twelve harmonics with a little noise, float (n,) at 16 kHz."""
    t = np.arange(round(16000 * seconds)) / 16000
    hum = sum(np.sin(2 * np.pi * pitch_hz * h * t + h * seed) / h for h in range(1, 13))
    return np.asarray(0.1 * hum + 0.01 * np.random.default_rng(seed).standard_normal(t.size))


@pytest.fixture
def utterance() -> Callable[..., Path]:
    """Writes one 16-bit wav at 16 kHz."""

    def write(path: Path, pitch_hz: float = 120.0, seconds: float = 2.4, seed: int = 1) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        samples, _ = prepare.to_int16(voice(pitch_hz, seconds, seed))
        path.write_bytes(prepare.wav_bytes(samples, 16000))
        return path

    return write


@pytest.fixture
def tree(tmp_path: Path, utterance: Callable[..., Path]) -> Path:
    """Three speakers with two videos each, two utterances in a video; two speakers are of the test split."""
    folder = tmp_path / "VoxCeleb1"
    for number, speaker in enumerate(("id10270", "id10271", "id10001")):
        for video in ("v-A", "v_B"):
            for clip, seconds in enumerate((2.4, 3.1)):
                utterance(folder / speaker / video / f"{clip:05}.wav", 100 + 70 * number, seconds, clip + 7)
    return folder
