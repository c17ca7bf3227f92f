"""CNN and DS-CNN for keyword spotting (arXiv 1711.07128), as PyTorch modules.

Every convolution has a bias of its own and a batch normalisation with epsilon 1e-3 after it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deployer.export.kws_sizes import Filters, KwsShape

EPSILON = 1e-3


def same_padding(size: tuple[int, int], layer: Filters) -> list[int]:
    """Zeros for ceil(size / stride) outputs, as PyTorch's pad wants them: an odd one goes to the end."""
    pads: list[int] = []
    for n, k, s in reversed(list(zip(size, layer.kernel, layer.stride, strict=True))):
        total = max((-(-n // s) - 1) * s + k - n, 0)
        pads += [total // 2, total - total // 2]
    return pads


class Filtered(nn.Module):  # type: ignore[misc]
    """Convolution, batch normalisation, ReLU: (N, C, H, W) -> (N, channels, H', W')."""

    def __init__(self, inside: int, outside: int, layer: Filters, *, groups: int, pads: list[int]) -> None:
        super().__init__()
        self.pads = pads
        self.conv = nn.Conv2d(inside, outside, layer.kernel, layer.stride, groups=groups)
        self.norm = nn.BatchNorm2d(outside, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        padded = nn.functional.pad(x, self.pads) if any(self.pads) else x
        return torch.relu(self.norm(self.conv(padded)))


class Cnn(nn.Module):  # type: ignore[misc]
    """Features (N, 1, frames, coefficients) -> logits (N, classes): two convolutions without padding."""

    def __init__(self, shape: KwsShape) -> None:
        super().__init__()
        assert shape.dense is not None
        self.shape = shape
        inside = 1
        self.layers = nn.Sequential()
        for layer in shape.filters:
            self.layers.append(Filtered(inside, layer.channels, layer, groups=1, pads=[0] * 4))
            inside = layer.channels
        height, width = shape.sizes()[-1]
        linear, hidden = shape.dense
        self.linear = nn.Linear(inside * height * width, linear)
        self.hidden = nn.Linear(linear, hidden)
        self.norm = nn.BatchNorm1d(hidden, eps=EPSILON)
        self.fc = nn.Linear(hidden, shape.classes)

    def forward(self, mfcc: Tensor) -> Tensor:
        x = self.linear(self.layers(mfcc).flatten(1))
        return self.fc(torch.relu(self.norm(self.hidden(x))))


class DsCnn(nn.Module):  # type: ignore[misc]
    """Features (N, 1, frames, coefficients) -> logits (N, classes): depthwise separable convolutions, SAME."""

    def __init__(self, shape: KwsShape) -> None:
        super().__init__()
        self.shape = shape
        first, *rest = shape.filters
        self.layers = nn.Sequential(
            Filtered(1, first.channels, first, groups=1, pads=same_padding(shape.features, first))
        )
        inside = first.channels
        for layer, plane in zip(rest, shape.sizes(), strict=False):
            pads = same_padding(plane, layer)
            point = Filters(channels=layer.channels, kernel=(1, 1), stride=(1, 1))
            self.layers.append(Filtered(inside, inside, layer, groups=inside, pads=pads))
            self.layers.append(Filtered(inside, layer.channels, point, groups=1, pads=[0] * 4))
            inside = layer.channels
        self.fc = nn.Linear(inside, shape.classes)

    def forward(self, mfcc: Tensor) -> Tensor:
        return self.fc(self.layers(mfcc).mean((2, 3)))


def build(shape: KwsShape) -> nn.Module:
    """The untrained network of these sizes."""
    return DsCnn(shape) if shape.separable else Cnn(shape)
