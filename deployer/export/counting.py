"""Parameters and multiplications of a PyTorch network."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

OWN_COUNT = "multiplications"


def parameters(network: nn.Module) -> int:
    """How many values are trained; statistics and fixed filters not counted."""
    return sum(parameter.numel() for parameter in network.parameters())


def multiplications(network: nn.Module, *shape: int) -> int:
    """Multiply-accumulates of the convolutions and linear layers for one input of `shape`; padding counts.

    A layer that makes its own weights counts for itself: its method `multiplications` takes its output.
    """
    found: list[int] = []

    def count(layer: nn.Module, _: Any, output: torch.Tensor) -> None:
        if hasattr(layer, OWN_COUNT):
            found.append(int(layer.multiplications(output)))
            return
        each = layer.in_features if isinstance(layer, nn.Linear) else math.prod(layer.weight.shape[1:])
        found.append(int(output.numel() * each))

    kinds = nn.Linear | nn.Conv1d | nn.Conv2d
    layers = [one for one in network.modules() if isinstance(one, kinds) or hasattr(one, OWN_COUNT)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(shape))
    finally:
        for hook in hooks:
            hook.remove()
    return sum(found)
