"""EATs of other sizes than those shipped: checkpoint folders with seeded random weights, clips of noise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from board_runner.contract import Array

SETTINGS = {
    "nf": "nf",
    "width": "emb_dim",
    "layers": "n_layers",
    "heads": "n_head",
    "feed_forward": "dim_feedforward",
    "factors": "ds_factors",
    "samples": "seq_len",
    "classes": "n_classes",
}


@dataclass(frozen=True, kw_only=True)
class Size:
    """What `args.yml` says, and the audio it is for."""

    nf: int
    width: int
    heads: int
    factors: tuple[int, ...]
    samples: int
    classes: int
    rate_hz: int
    layers: int = 1
    feed_forward: int = 32


M_SHORT = Size(
    nf=32,
    width=256,
    layers=6,
    heads=16,
    feed_forward=2048,
    factors=(2, 2),
    samples=1024,
    classes=50,
    rate_hz=22050,
)
"""EAT-M's channels and transformer on a clip of 46 ms."""

SIZES = {
    "less than a second, 7 classes": Size(
        nf=6, width=24, heads=3, factors=(4, 4), samples=8192, classes=7, rate_hz=11025
    ),
    "5 s, factors 2 6 4": Size(
        nf=2, width=16, heads=4, factors=(2, 6, 4), samples=110400, classes=12, rate_hz=22050
    ),
    "EAT-M, cut short": M_SHORT,
    "five factors, 2 classes": Size(
        nf=3, width=20, heads=2, factors=(2, 2, 2, 2, 2), samples=4096, classes=2, rate_hz=8000
    ),
    "one factor of 8, 527 classes": Size(
        nf=5, width=32, heads=1, factors=(8,), samples=2048, classes=527, rate_hz=16000, layers=2
    ),
}


def write(folder: Path, size: Size) -> Path:
    """`args.yml` and `chkpnt.pt` of such a network: no two layers alike, its normalisations as noise makes them."""
    import torch

    from deployer.export.eat import Eat, EatShape

    torch.manual_seed(3)
    fields = {name: getattr(size, name) for name in SETTINGS}
    network: Any = Eat(EatShape(**fields))
    for name, value in network.state_dict().items():
        if name.startswith("tf."):
            value.add_(torch.randn_like(value) * 0.05)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm1d):
            layer.momentum = None  # a plain average: of this one pass
    with torch.no_grad():
        network(torch.from_numpy(np.concatenate([_noise(size, seed) for seed in range(3)])[:, None]) * 1.9)
    folder.mkdir()
    lines = [f"{key}: {_yaml(fields[name])}" for name, key in SETTINGS.items()]
    lines.append(f"sampling_rate: {size.rate_hz}")
    (folder / "args.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    torch.save({"model_dict": network.state_dict()}, folder / "chkpnt.pt")
    return folder


def write_clips(folder: Path, size: Size, count: int) -> list[Path]:
    """Wavs of noise under a swell each, a little shorter than the network's input."""
    folder.mkdir()
    paths = [folder / f"{seed}.wav" for seed in range(count)]
    for seed, path in enumerate(paths):
        soundfile.write(path, _noise(size, seed)[0, : size.samples - 40], size.rate_hz, subtype="PCM_16")
    return paths


def _noise(size: Size, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    swell = np.sin(np.linspace(0.1, 3, size.samples) * (1 + seed)) ** 2
    return np.asarray(rng.uniform(-0.5, 0.5, (1, size.samples)) * swell, np.float32)


def _yaml(value: int | tuple[int, ...]) -> int | list[int]:
    return list(value) if isinstance(value, tuple) else value
