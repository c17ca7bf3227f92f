"""Checkpoint folders of keyword spotting, with random weights and statistics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def kws_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a checkpoint folder of the sizes given; settings are added to `args.yml` as they are."""

    def write(sizes: str, classes: int = 12, **settings: Any) -> Path:
        torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        folder = tmp_path / f"kws {sizes[:8]}"
        folder.mkdir(exist_ok=True)
        lines = [f"{key}: {value}" for key, value in {"model_size_info": sizes, **settings}.items()]
        (folder / "args.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        torch.save({"model_dict": random_network(sizes, classes).state_dict()}, folder / "chkpnt.pt")
        return folder

    return write


def random_network(sizes: str, classes: int = 12) -> Any:
    """A network in evaluation mode whose batch normalisations are far from doing nothing."""
    import torch

    from deployer.export.kws import build
    from deployer.export.kws_sizes import parse

    torch.manual_seed(5)
    network = build(parse(sizes, classes=classes)).eval()
    for name, value in network.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2.0)
        elif name.endswith("running_mean") or ("norm" in name and name.endswith("bias")):
            value.normal_(0, 0.3)
        elif "norm" in name and name.endswith("weight"):
            value.uniform_(0.7, 1.3)
    return network
