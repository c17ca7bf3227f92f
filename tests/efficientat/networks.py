"""Checkpoint folders of EfficientAT, with random weights and statistics; needs PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def random_network(name: str, classes: int = 20) -> Any:
    """A network in evaluation mode whose normalisations and shares are far from doing nothing."""
    import torch

    from deployer.export.efficientat import build
    from deployer.export.efficientat_sizes import parse

    torch.manual_seed(5)
    network = build(parse(name, classes=classes)).eval()
    for key, value in network.state_dict().items():
        if key.endswith("running_var"):
            value.uniform_(0.5, 2.0)
        elif key.endswith("running_mean"):
            value.normal_(0, 0.1)
        elif "share.weight" in key or "coefficients.weight" in key:
            value.normal_(0, 0.5)
        elif key.startswith("head") and key.endswith("weight"):
            value.normal_(0, 0.05)
    return network


def write(folder: Path, name: str, classes: int = 20, **settings: Any) -> Path:
    """The folder of `random_network`, with further settings as they are."""
    import torch

    folder.mkdir(exist_ok=True)
    lines = [f"{key}: {value}" for key, value in {"model_name": name, **settings}.items()]
    (folder / "args.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    torch.save({"model_dict": random_network(name, classes).state_dict()}, folder / "chkpnt.pt")
    return folder
