"""ECAPA-TDNN for speaker embeddings (arXiv 2005.07143), as PyTorch modules, in the sizes of `ecapa_shape`.

Everywhere the order is convolution, ReLU, batch normalisation. Mels (N, channels, frames) go in; the embedding
(N, width) and the weights of the pooling (N, frames, pooled) come out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deployer.export.ecapa_shape import EcapaShape

LEAST_VARIANCE = 1e-4
LEAST_LENGTH = 1e-12


class Filtered(nn.Module):  # type: ignore[misc]
    """Convolution over time, ReLU, batch normalisation: (N, inside, T) -> (N, outside, T)."""

    def __init__(self, inside: int, outside: int, kernel: int = 1, dilation: int = 1, *, fill: str) -> None:
        super().__init__()
        pad = dilation * (kernel - 1) // 2
        mode = fill if pad else "zeros"
        self.conv = nn.Conv1d(inside, outside, kernel, dilation=dilation, padding=pad, padding_mode=mode)
        self.norm = nn.BatchNorm1d(outside)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(torch.relu(self.conv(x)))


class Stairs(nn.Module):  # type: ignore[misc]
    """Res2: the channels in equal groups; the first passes, each other is filtered with the result before it."""

    def __init__(self, channels: int, groups: int, kernel: int, dilation: int, *, fill: str) -> None:
        super().__init__()
        self.width = channels // groups
        self.steps = nn.ModuleList(
            Filtered(self.width, self.width, kernel, dilation, fill=fill) for _ in range(groups - 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        first, *rest = torch.split(x, self.width, dim=1)
        made = [first]
        for step, part in zip(self.steps, rest, strict=True):
            made.append(step(part if len(made) == 1 else part + made[-1]))
        return torch.cat(made, 1)


class Gate(nn.Module):  # type: ignore[misc]
    """Squeeze and excitation: every channel times a factor of 0 to 1, computed from the means of all."""

    def __init__(self, channels: int, bottleneck: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, bottleneck)
        self.excite = nn.Linear(bottleneck, channels)

    def forward(self, x: Tensor) -> Tensor:
        factors = torch.sigmoid(self.excite(torch.relu(self.squeeze(x.mean(2)))))
        return x * factors.unsqueeze(2)


class Block(nn.Module):  # type: ignore[misc]
    """SE-Res2: 1x1 to `shape.inner` channels, `Stairs`, 1x1 back, `Gate`; what goes past it is the caller's."""

    def __init__(self, shape: EcapaShape, dilation: int) -> None:
        super().__init__()
        self.open = Filtered(shape.channels, shape.inner, fill=shape.fill)
        self.stairs = Stairs(shape.inner, shape.groups, 3, dilation, fill=shape.fill)
        self.close = Filtered(shape.inner, shape.channels, fill=shape.fill)
        self.gate = Gate(shape.channels, shape.bottleneck)

    def forward(self, x: Tensor) -> Tensor:
        return self.gate(self.close(self.stairs(self.open(x))))


class Attention(nn.Module):  # type: ignore[misc]
    """Weights over time for each channel: (N, pooled, T) -> (N, pooled, T), each row of sum 1.

    With `shape.context` every frame also sees the mean and deviation of the whole clip, and a batch
    normalisation and tanh follow the ReLU.
    """

    def __init__(self, shape: EcapaShape) -> None:
        super().__init__()
        self.context = shape.context
        self.score = nn.Conv1d(shape.pooled * (3 if shape.context else 1), shape.bottleneck, 1)
        self.norm = nn.BatchNorm1d(shape.bottleneck) if shape.context else None
        self.spread = nn.Conv1d(shape.bottleneck, shape.pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        if self.context:
            mean = x.mean(2, keepdim=True)
            deviation = ((x - mean) * (x - mean)).mean(2, keepdim=True).clamp(min=LEAST_VARIANCE).sqrt()
            seen = torch.cat([x, mean.expand_as(x), deviation.expand_as(x)], 1)
        else:
            seen = x
        hidden = torch.relu(self.score(seen))
        if self.norm is not None:
            hidden = torch.tanh(self.norm(hidden))
        return torch.softmax(self.spread(hidden), 2)


class Ecapa(nn.Module):  # type: ignore[misc]
    """Mels (N, channels, frames) -> embedding (N, width), attention (N, frames, pooled)."""

    def __init__(self, shape: EcapaShape) -> None:
        super().__init__()
        self.shape = shape
        self.stem = Filtered(shape.mels, shape.channels, 5, fill=shape.fill)
        self.blocks = nn.ModuleList(Block(shape, dilation) for dilation in shape.dilations)
        self.gather = nn.Conv1d(shape.channels * len(shape.dilations), shape.pooled, 1)
        self.gather_norm = nn.BatchNorm1d(shape.pooled) if shape.gather_norm else None
        self.attention = Attention(shape)
        self.pool_norm = nn.BatchNorm1d(2 * shape.pooled)
        self.fc = nn.Linear(2 * shape.pooled, shape.width)
        self.fc_norm = nn.BatchNorm1d(shape.width) if shape.unit_length else None

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.relu(self.gather(torch.cat(self._frames(mel), 1)))
        if self.gather_norm is not None:
            x = self.gather_norm(x)
        weights = self.attention(x)
        mean = (weights * x).sum(2)
        variance = (weights * x * x).sum(2) - mean * mean
        statistics = torch.cat([mean, variance.clamp(min=LEAST_VARIANCE).sqrt()], 1)
        embedding = self.fc(self.pool_norm(statistics))
        if self.fc_norm is not None:
            embedding = unit_length(self.fc_norm(embedding))
        return embedding, weights.transpose(1, 2)

    def _frames(self, mel: Tensor) -> list[Tensor]:
        """The blocks' outputs. Past each block goes the sum of all before it, or, with `plain`, its own input."""
        made = [self.stem(mel)]
        for block in self.blocks:
            total = made[-1] if self.shape.past == "input" else sum(made[1:], made[0])
            made.append(block(total if self.shape.past == "sum" else made[-1]) + total)
        return made[1:]


def unit_length(x: Tensor) -> Tensor:
    """(N, width) -> the same at length 1; spelt out, for simplifiers turn a norm into LpNormalization."""
    return x / (x * x).sum(1, keepdim=True).sqrt().clamp(min=LEAST_LENGTH)
