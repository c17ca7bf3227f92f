"""DyMN without weights computed at run time: exactly the same function, as four fixed convolutions a layer.

sum_k a_k W_k (*) x = sum_k a_k (W_k (*) x). The shares a_k sum to one, so the batch normalisation that follows
folds into each of the four: scale them, and give each the whole shift as its bias.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from deployer.export.efficientat_dynamic import MixedConv
from deployer.export.efficientat_sizes import KERNELS


class FixedMix(nn.Module):  # type: ignore[misc]
    """What a `MixedConv` in evaluation mode computes, by convolutions with constant weights and biases."""

    def __init__(self, mixed: MixedConv) -> None:
        super().__init__()
        self.share, self.temperature = mixed.share, mixed.temperature
        kernels, outside, inside, size, _ = mixed.weight.shape
        norm = mixed.norm
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        shift = norm.bias - norm.running_mean * scale
        self.convs = nn.ModuleList()
        for k in range(kernels):
            conv = nn.Conv2d(
                inside * mixed.groups,
                outside,
                size,
                mixed.stride,
                padding=mixed.padding,
                groups=mixed.groups,
            )
            conv.weight = nn.Parameter((mixed.weight[k] * scale.reshape(-1, 1, 1, 1)).detach())
            conv.bias = nn.Parameter(shift.detach().clone())
            self.convs.append(conv)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        shares = torch.softmax(self.share(context) / self.temperature, dim=1).reshape(-1, KERNELS, 1, 1)
        first, *rest = (
            share * conv(x) for share, conv in zip(shares.split(1, dim=1), self.convs, strict=True)
        )
        return sum(rest, first)


def static(network: nn.Module) -> nn.Module:
    """A copy of `network`, in evaluation mode, with every mixed convolution rewritten; the network itself stays."""
    rewritten = copy.deepcopy(network).eval()
    for module in list(rewritten.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, MixedConv):
                setattr(module, name, FixedMix(child))
    return rewritten
