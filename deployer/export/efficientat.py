"""MN, EfficientAT's static network (arXiv 2211.04772), as PyTorch modules; and DyMN, by its own blocks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deployer.export.efficientat_dynamic import DynamicResidual
from deployer.export.efficientat_layers import activation, normalisation
from deployer.export.efficientat_sizes import Block, EfficientAtShape

DROPOUT = 0.2


class Filtered(nn.Module):  # type: ignore[misc]
    """Convolution without bias, batch normalisation, activation: the planes keep their size but for the stride."""

    def __init__(
        self, inside: int, outside: int, kernel: int, *, stride: int = 1, groups: int = 1, act: nn.Module
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
        self.norm = normalisation(outside)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)))


class Excitation(nn.Module):  # type: ignore[misc]
    """Squeeze-and-excitation (arXiv 1709.01507) over channels, with the logistic sigmoid.

    Its two layers are 1 x 1 convolutions: no axis is dropped and put back, so any batch goes through.
    """

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))


class Residual(nn.Module):  # type: ignore[misc]
    """Inverted residual: expand by 1 x 1, filter each channel, excite, project by 1 x 1."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        wide, act = block.expanded, activation(hard=block.hard)
        self.is_residual = block.is_residual
        self.expand = Filtered(block.inside, wide, 1, act=act) if wide != block.inside else nn.Identity()
        self.depth = Filtered(wide, wide, block.kernel, stride=block.stride, groups=wide, act=act)
        self.gate = Excitation(wide, EfficientAtShape.squeezed(wide)) if block.excited else nn.Identity()
        self.project = Filtered(wide, block.outside, 1, act=nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.gate(self.depth(self.expand(x))))
        return x + y if self.is_residual else y


class Head(nn.Module):  # type: ignore[misc]
    """Planes (N, C, H, W) -> logits (N, classes) and features (N, C), the mean of each plane."""

    def __init__(self, shape: EfficientAtShape) -> None:
        super().__init__()
        self.hidden = nn.Linear(shape.features, shape.hidden)
        self.act = nn.Hardswish()
        self.dropout = nn.Dropout(DROPOUT)
        self.score = nn.Linear(shape.hidden, shape.classes)

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        # A mean, not an adaptive pooling: it needs no constant size of the planes to be exported.
        features = planes.mean((2, 3))
        return self.score(self.dropout(self.act(self.hidden(features)))), features


class Network(nn.Module):  # type: ignore[misc]
    """Spectrogram (N, 1, channels, frames) -> logits (N, classes) and features (N, width), around any blocks."""

    def __init__(self, shape: EfficientAtShape, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.shape = shape
        first, last = shape.blocks[0].inside, shape.blocks[-1].outside
        self.stem = Filtered(1, first, 3, stride=2, act=activation(hard=True))
        self.blocks = nn.Sequential(*blocks)
        self.last = Filtered(last, shape.features, 1, act=activation(hard=True))
        self.head = Head(shape)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        logits, features = self.head(self.last(self.blocks(self.stem(mel))))
        return logits, features


def initialise(network: nn.Module) -> None:
    """He's normal weights by outputs for convolutions, a deviation of 0.01 for linear layers, no biases."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out")
        elif isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, 0, 0.01)
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            nn.init.zeros_(layer.bias)


def build(shape: EfficientAtShape) -> Network:
    """The untrained network of these sizes."""
    if shape.dynamic:
        blocks: list[nn.Module] = [DynamicResidual(block, shape.context(block)) for block in shape.blocks]
    else:
        blocks = [Residual(block) for block in shape.blocks]
    network = Network(shape, blocks)
    initialise(network)
    return network
