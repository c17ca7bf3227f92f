"""EAT, the raw-waveform audio transformer (arXiv 2204.11479), as a PyTorch module.

Modules are named so that the tensors of a trainer's state dict fit without renaming. Attention is written
out as matrix products and a softmax, because PyTorch's fused attention has no form at ONNX opset 13.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from board_runner.errors import ModelError

SLOPE = 0.2  # of every leaky ReLU
KERNEL_T = 15  # taps of a residual block's depthwise convolution
DILATIONS = (1, 3, 9)  # of the residual blocks in each group of the second half
TAIL_FACTORS = (2, 2)  # the two last reductions, always there
DROPOUT = 0.1  # of the transformer, in training alone


@dataclass(frozen=True, kw_only=True)
class EatShape:
    """The sizes that define one EAT; the defaults are EAT-S on ESC-50.

    `samples` is the input's length, `width` the transformer's, `factors` the first reductions in time.
    """

    nf: int = 16
    width: int = 128
    layers: int = 4
    heads: int = 8
    feed_forward: int = 512
    factors: tuple[int, ...] = (4, 4, 4, 4)
    samples: int = 114688
    classes: int = 50

    @property
    def reduction(self) -> int:
        """How many samples become one token."""
        return math.prod(self.factors) * math.prod(TAIL_FACTORS)

    @property
    def tokens(self) -> int:
        """Tokens that the convolutions give, the class token not counted."""
        return self.samples // self.reduction

    def check(self) -> None:
        """Raise ModelError where these sizes make no network."""
        for name in ("nf", "width", "layers", "heads", "feed_forward", "samples", "classes"):
            if getattr(self, name) < 1:
                raise ModelError(f"EAT with {name} {getattr(self, name)}: must be at least 1")
        if self.classes == 1:
            raise ModelError("EAT of 1 class: there is nothing to decide; train it with a class for all else")
        odd = [factor for factor in self.factors if factor < 2 or factor % 2]
        if odd or not self.factors:
            raise ModelError(f"EAT with reduction factors {list(self.factors)}: each must be even")
        if self.width % self.heads:
            raise ModelError(f"EAT of width {self.width}: not a multiple of its {self.heads} heads")
        if self.samples % self.reduction:
            raise ModelError(
                f"EAT of {self.samples} samples: not a multiple of its reduction {self.reduction}"
            )
        reach = KERNEL_T // 2 * max(DILATIONS)
        if self.tokens * TAIL_FACTORS[-1] <= reach:
            least = (reach // TAIL_FACTORS[-1] + 1) * self.reduction
            raise ModelError(f"EAT of {self.samples} samples: too short to pad, wants at least {least}")


PRESETS: Mapping[str, EatShape] = {
    "shipped": EatShape(nf=8, width=64),
    "S": EatShape(),
    "M": EatShape(nf=32, width=256, layers=6, heads=16, feed_forward=2048),
}
"""Sizes that have a name."""


class Blur(nn.Module):  # type: ignore[misc]
    """Fixed triangular low-pass of 2d+1 taps, then every d-th sample: (N, C, L) -> (N, C, L/d)."""

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        self.channels, self.factor = channels, factor
        ramp = torch.arange(1, factor + 2, dtype=torch.float32)
        taps = torch.cat([ramp, ramp[:-1].flip(0)])
        self.register_buffer("filt", (taps / taps.sum()).repeat(channels, 1, 1))
        self.pad = nn.ReflectionPad1d(factor)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv1d(self.pad(x), self.filt, stride=self.factor, groups=self.channels)


class Down(nn.Module):  # type: ignore[misc]
    """Twice the channels at a d-th of the rate: (N, C, L) -> (N, 2C, L/d)."""

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.ReflectionPad1d(factor // 2),
            nn.Conv1d(channels, 2 * channels, factor + 1, bias=False),
            nn.BatchNorm1d(2 * channels),
            nn.LeakyReLU(SLOPE),
            Blur(2 * channels, factor),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.down(x)


class ResBlock(nn.Module):  # type: ignore[misc]
    """Sum of a linear, a channel-mixing and a time-mixing branch; the shape (N, C, L) stays."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.block_t = nn.Sequential(
            nn.ReflectionPad1d(KERNEL_T // 2 * dilation),
            nn.Conv1d(channels, channels, KERNEL_T, dilation=dilation, groups=channels, bias=False),
            nn.BatchNorm1d(channels),
            nn.LeakyReLU(SLOPE),
        )
        self.block_f = nn.Sequential(
            nn.Conv1d(channels, channels, 1, bias=False), nn.BatchNorm1d(channels), nn.LeakyReLU(SLOPE)
        )
        self.shortcut = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.block_f(x) + self.block_t(x)


class Attention(nn.Module):  # type: ignore[misc]
    """Self-attention of h heads, softmax(q k^T / sqrt(width/h)) v: (N, T, width) -> the same."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        split = (batch, tokens, self.heads, width // self.heads)
        # three products instead of one that is cut: in the exported graph each has its own range
        parts = zip(self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3), strict=True)
        q, k, v = (nn.functional.linear(x, w, b).reshape(split).transpose(1, 2) for w, b in parts)
        shares = torch.softmax((q * self.scale) @ k.transpose(-2, -1), dim=-1)
        mixed = nn.functional.dropout(shares, DROPOUT, self.training) @ v
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, tokens, width))


class EncoderLayer(nn.Module):  # type: ignore[misc]
    """Attention, then a two-layer network with exact GELU; each added to its input, then normalised."""

    def __init__(self, shape: EatShape) -> None:
        super().__init__()
        self.self_attn = Attention(shape.width, shape.heads)
        self.linear1 = nn.Linear(shape.width, shape.feed_forward)
        self.linear2 = nn.Linear(shape.feed_forward, shape.width)
        self.norm1 = nn.LayerNorm(shape.width)
        self.norm2 = nn.LayerNorm(shape.width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self._dropped(self.self_attn(x)))
        inner = self._dropped(nn.functional.gelu(self.linear1(x)))
        return self.norm2(x + self._dropped(self.linear2(inner)))

    def _dropped(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, DROPOUT, self.training)


class Encoder(nn.Module):  # type: ignore[misc]
    """The stack of layers with a last normalisation."""

    def __init__(self, shape: EatShape) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)


class Classifier(nn.Module):  # type: ignore[misc]
    """Tokens (N, T, width) -> logits (N, classes), read from a learned class token put before them."""

    def __init__(self, shape: EatShape) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, shape.tokens + 1, shape.width))
        self.transformer_enc = Encoder(shape)
        self.fc = nn.Linear(shape.width, shape.classes)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1) + self.pos_embed
        return self.fc(self.transformer_enc(x)[:, 0])


class Eat(nn.Module):  # type: ignore[misc]
    """Waveforms (N, 1, samples), float32 with peak 0.95, -> logits (N, classes).

    Raises ModelError for sizes that make no network.
    """

    def __init__(self, shape: EatShape) -> None:
        super().__init__()
        shape.check()
        self.shape = shape
        channels = shape.nf
        self.start = nn.Sequential(
            nn.ReflectionPad1d(3),
            nn.Conv1d(1, channels, 7, bias=False),
            nn.BatchNorm1d(channels),
            nn.LeakyReLU(SLOPE),
        )
        self.down = nn.Sequential()
        for index, factor in enumerate(shape.factors):
            self.down.append(Down(channels, factor))
            channels *= 2
            if index % 2 == 0:
                self.down.append(ResBlock(channels, 1))
        self.down2 = nn.Sequential()
        for factor in TAIL_FACTORS:
            for dilation in DILATIONS:
                self.down2.append(ResBlock(channels, dilation))
            self.down2.append(Down(channels, factor))
            channels *= 2
        self.project = nn.Conv1d(channels, shape.width, 1)
        self.tf = Classifier(shape)

    def forward(self, images: Tensor) -> Tensor:
        x = self.down2(self.down(self.start(images)))
        return self.tf(self.project(x).transpose(1, 2))
