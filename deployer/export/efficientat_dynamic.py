"""DyMN's blocks (arXiv 2310.15648): convolutions, activations and gates that a context of the input steers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from deployer.export.efficientat_layers import activation, normalisation
from deployer.export.efficientat_sizes import KERNELS, Block


class MixedConv(nn.Module):  # type: ignore[misc]
    """One convolution whose kernel is a mix of four, then batch normalisation.

    The shares are softmax(Linear(context) / temperature), one set a clip. `temperature` falls to 1 in training.
    """

    def __init__(
        self, inside: int, outside: int, context: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.stride, self.groups, self.temperature = stride, groups, 1.0
        self.weight = nn.Parameter(torch.empty(KERNELS, outside, inside // groups, kernel, kernel))
        self.share = nn.Linear(context, KERNELS)
        self.norm = normalisation(outside)
        for one in self.weight:
            nn.init.kaiming_normal_(one.detach(), mode="fan_out")

    @property
    def padding(self) -> int:
        """Zeros on each side, for planes that keep their size."""
        return int(self.weight.shape[-1]) // 2

    def multiplications(self, output: Tensor) -> int:
        """Multiply-accumulates that `output` took: the mixing of a kernel for each clip, and the convolution."""
        return len(output) * int(self.weight.numel()) + int(output.numel() * self.weight[0, 0].numel())

    def shares(self, context: Tensor) -> Tensor:
        """Context (N, H) -> how much of each kernel (N, 4), in sum 1."""
        return torch.softmax(self.share(context) / self.temperature, dim=1)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        # Each clip has a kernel of its own: clips become groups of one convolution.
        clips, channels, *size = x.shape
        kernels = torch.einsum("nk,k...->n...", self.shares(context), self.weight).flatten(0, 1)
        y = functional.conv2d(
            x.reshape(1, clips * channels, *size),
            kernels,
            stride=self.stride,
            padding=self.padding,
            groups=self.groups * clips,
        )
        return self.norm(y.reshape(clips, self.weight.shape[1], *y.shape[2:]))


class DynamicRelu(nn.Module):  # type: ignore[misc]
    """Dy-ReLU-B (arXiv 2003.10027) of two pieces: max(a1 x + b1, a2 x + b2), a set a channel and clip."""

    def __init__(self, channels: int, context: int) -> None:
        super().__init__()
        self.coefficients = nn.Linear(context, 4 * channels)
        self.register_buffer("reach", torch.tensor([1.0, 1.0, 0.5, 0.5]).reshape(4, 1), persistent=False)
        self.register_buffer("middle", torch.tensor([1.0, 0.0, 0.0, 0.0]).reshape(4, 1), persistent=False)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        theta = self.coefficients(context).reshape(-1, x.shape[1], 4, 1)
        a1, a2, b1, b2 = ((2 * torch.sigmoid(theta) - 1) * self.reach + self.middle).split(1, dim=2)
        return torch.maximum(a1 * x + b1, a2 * x + b2)


class Context(nn.Module):  # type: ignore[misc]
    """x (N, C, F, T) -> context (N, H), gates over frequency (N, wide, F', 1) and over time (N, wide, 1, T')."""

    def __init__(self, inside: int, wide: int, context: int, stride: int) -> None:
        super().__init__()
        self.joint = nn.Conv2d(inside, context, 1, bias=False)
        self.norm = normalisation(context)
        self.frequency = nn.Conv2d(context, wide, 1)
        self.time = nn.Conv2d(context, wide, 1)
        self.stride = stride

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        # Means, not adaptive poolings: those want a constant size of the planes when exported.
        over_time, over_frequency = x.mean(3, keepdim=True), x.mean(2, keepdim=True).transpose(2, 3)
        sequence = torch.cat([over_time, over_frequency], dim=2)
        sequence = functional.hardswish(self.norm(self.joint(sequence)))
        by_frequency, by_time = sequence.split([x.shape[2], x.shape[3]], dim=2)
        gate_frequency = self.frequency(self._strided(by_frequency))
        gate_time = self.time(self._strided(by_time)).transpose(2, 3)
        return sequence.mean((2, 3)), gate_frequency, gate_time

    def _strided(self, sequence: Tensor) -> Tensor:
        if self.stride == 1:
            return sequence
        return functional.avg_pool2d(sequence, (3, 1), (self.stride, 1), (1, 0))


class DynamicResidual(nn.Module):  # type: ignore[misc]
    """Inverted residual with mixed convolutions, Dy-ReLU and coordinate attention (arXiv 2103.02907)."""

    def __init__(self, block: Block, context: int) -> None:
        super().__init__()
        wide = block.expanded
        self.is_residual = block.is_residual
        self.context = Context(block.inside, wide, context, block.stride)
        self.expand = MixedConv(block.inside, wide, context, 1) if wide != block.inside else None
        self.act = activation(hard=block.hard)
        self.depth = MixedConv(wide, wide, context, block.kernel, stride=block.stride, groups=wide)
        self.relu = DynamicRelu(wide, context)
        self.project = MixedConv(wide, block.outside, context, 1)

    def forward(self, x: Tensor) -> Tensor:
        context, by_frequency, by_time = self.context(x)
        y = x if self.expand is None else self.act(self.expand(x, context))
        y = self.relu(self.depth(y, context), context)
        y = y * torch.sigmoid(by_frequency) * torch.sigmoid(by_time)
        y = self.project(y, context)
        return x + y if self.is_residual else y
