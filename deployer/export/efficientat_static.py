"""DyMN without weights computed at run time: exactly the same function, as four fixed convolutions a layer.

sum_k a_k W_k (*) x = sum_k a_k (W_k (*) x). The shares a_k sum to one, so the batch normalisation that follows
folds into each of the four: scale them, and give each the whole shift as its bias.

What steers a Dy-ReLU is written so that integers hold it well: 2 sigmoid(t) - 1 = tanh(t / 2), and each of its
coefficients is a tensor of its own. One tensor for all has one scale, that of slopes up to 2, and passes
through five roundings; here an offset is never above a half, and there are two. The rounding error of a
coefficient does not average out: it is the same on a whole plane.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from deployer.export.efficientat_dynamic import DynamicRelu, MixedConv
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


class SplitRelu(nn.Module):  # type: ignore[misc]
    """What a `DynamicRelu` computes: max(2 sigmoid(t1) x + tanh(t3 / 2) / 2, tanh(t2 / 2) x + tanh(t4 / 2) / 2)."""

    def __init__(self, relu: DynamicRelu) -> None:
        super().__init__()
        every = relu.coefficients
        self.linears = nn.ModuleList()
        for place, factor in enumerate((1.0, 0.5, 0.5, 0.5)):
            linear = nn.Linear(every.in_features, every.out_features // 4)
            linear.weight = nn.Parameter((every.weight[place::4] * factor).detach())
            linear.bias = nn.Parameter((every.bias[place::4] * factor).detach())
            self.linears.append(linear)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        t1, t2, t3, t4 = (linear(context).reshape(-1, x.shape[1], 1, 1) for linear in self.linears)
        first = 2 * torch.sigmoid(t1) * x + torch.tanh(t3) / 2
        return torch.maximum(first, torch.tanh(t2) * x + torch.tanh(t4) / 2)


def static(network: nn.Module) -> nn.Module:
    """A copy of `network`, in evaluation mode, with what its context steers rewritten; the network stays."""
    rewritten = copy.deepcopy(network).eval()
    for module in list(rewritten.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, MixedConv):
                setattr(module, name, FixedMix(child))
            elif isinstance(child, DynamicRelu):
                setattr(module, name, SplitRelu(child))
    return rewritten
