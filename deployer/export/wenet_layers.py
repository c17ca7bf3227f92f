"""The parts of U2's encoder (arXiv 2012.05481) and its Conformer layers (arXiv 2005.08100), as PyTorch modules.

Attention is Transformer-XL's (arXiv 1901.02860) without the shift of its position term: positions are absolute.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from board_runner.models.wenet_chunks import positions
from deployer.export.wenet_sizes import POSITIONS, WenetShape

EPSILON = 1e-12


def position_table(width: int) -> Tensor:
    """(1, POSITIONS, width): sines in even places, cosines in odd ones (arXiv 1706.03762)."""
    return torch.from_numpy(positions(0, POSITIONS, width))[None]


class Subsampling(nn.Module):  # type: ignore[misc]
    """Features (1, T, channels), normalised by mean and deviation -> (1, ((T - 1) // 2 - 1) // 2, width)."""

    def __init__(self, shape: WenetShape) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape.channels))
        self.register_buffer("istd", torch.ones(shape.channels))
        self.first = nn.Conv2d(1, shape.width, 3, 2)
        self.second = nn.Conv2d(shape.width, shape.width, 3, 2)
        self.linear = nn.Linear(shape.width * shape.bands, shape.width)
        self.scale = math.sqrt(shape.width)

    def forward(self, feats: Tensor) -> Tensor:
        x = ((feats - self.mean) * self.istd).unsqueeze(1)
        x = torch.relu(self.second(torch.relu(self.first(x))))
        return self.linear(x.transpose(1, 2).flatten(2)) * self.scale


class Heads(nn.Module):  # type: ignore[misc]
    """What scaled dot-product attention in heads has in any form (arXiv 1706.03762)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.each = heads, width // heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(x.size(0), -1, self.heads, self.each)

    def _mixed(self, products: Tensor, keys: Tensor, hidden: Tensor | None) -> Tensor:
        """The values of `keys`, weighed by softmax of `products` (N, heads, T, K), but for those `hidden`.

        `hidden` is a mask of booleans, or numbers that are added: very negative ones hide.
        """
        scores = products / math.sqrt(self.each)
        if hidden is not None:
            as_mask = hidden.dtype == torch.bool
            scores = scores.masked_fill(hidden, -math.inf) if as_mask else scores + hidden
        mixed = scores.softmax(dim=-1) @ self._split(self.value(keys)).transpose(1, 2)
        return self.out(mixed.transpose(1, 2).flatten(2))


class RelativeAttention(Heads):
    """Heads over keys with positions: ((q + u) k + (q + v) p) / sqrt(width of a head)."""

    def __init__(self, shape: WenetShape) -> None:
        super().__init__(shape.width, shape.heads)
        self.position = nn.Linear(shape.width, shape.width, bias=False)
        self.pos_bias_u = nn.Parameter(torch.empty(self.heads, self.each))
        self.pos_bias_v = nn.Parameter(torch.empty(self.heads, self.each))
        nn.init.xavier_uniform_(self.pos_bias_u)
        nn.init.xavier_uniform_(self.pos_bias_v)

    def forward(self, queries: Tensor, keys: Tensor, positions: Tensor, hidden: Tensor | None) -> Tensor:
        """(1, T, width) from all (1, K, width) with `positions` (1, K, width); `hidden` (T, K) are left out."""
        q = self._split(self.query(queries)).unsqueeze(2)  # (1, T, 1, heads, each)
        with_u = (q + self.pos_bias_u).squeeze(2).transpose(1, 2)
        with_v = (q + self.pos_bias_v).squeeze(2).transpose(1, 2)
        k = self._split(self.key(keys)).permute(0, 2, 3, 1)
        p = self._split(self.position(positions)).permute(0, 2, 3, 1)
        return self._mixed(with_u @ k + with_v @ p, keys, hidden)


class CausalConvolution(nn.Module):  # type: ignore[misc]
    """Pointwise and gated, depthwise over this frame and those before it, normalised, swish, pointwise."""

    def __init__(self, shape: WenetShape) -> None:
        super().__init__()
        self.widen = nn.Conv1d(shape.width, 2 * shape.width, 1)
        self.depth = nn.Conv1d(shape.width, shape.width, shape.kernel, groups=shape.width)
        self.norm = nn.LayerNorm(shape.width)
        self.narrow = nn.Conv1d(shape.width, shape.width, 1)

    def forward(self, x: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """(1, T, width) and the last inputs (1, width, kernel - 1) -> the same of this call.

        What is kept is the input of the first layer: zeros before the first frame pass through its bias.
        """
        joined = torch.cat([before, x.transpose(1, 2)], dim=2)
        value, gate = self.widen(joined).chunk(2, dim=1)
        y = self.norm(self.depth(value * gate.sigmoid()).transpose(1, 2))
        return self.narrow((y * y.sigmoid()).transpose(1, 2)).transpose(1, 2), joined[:, :, -before.size(2) :]


class FeedForward(nn.Module):  # type: ignore[misc]
    """Two linear layers with swish between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.widen = nn.Linear(width, hidden)
        self.narrow = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.widen(x)
        return self.narrow(y * y.sigmoid())


class EncoderLayer(nn.Module):  # type: ignore[misc]
    """Half a feed-forward, attention, convolution, the other half: each on a normalised input, then a norm."""

    def __init__(self, shape: WenetShape) -> None:
        super().__init__()
        self.before = FeedForward(shape.width, shape.hidden)
        self.attention = RelativeAttention(shape)
        self.convolution = CausalConvolution(shape)
        self.after = FeedForward(shape.width, shape.hidden)
        for name in ("norm_before", "norm_attention", "norm_convolution", "norm_after", "norm_last"):
            self.add_module(name, nn.LayerNorm(shape.width, eps=EPSILON))

    def forward(
        self, x: Tensor, kept: Tensor, positions: Tensor, before: Tensor, hidden: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """New frames x (1, T, width) after `kept` (1, H, width) -> (1, T, width), and the convolution's state."""
        joined = torch.cat([kept, x], dim=1)
        joined = joined + 0.5 * self.before(self.norm_before(joined))
        keys = self.norm_attention(joined)
        first = kept.size(1)
        y = joined[:, first:] + self.attention(keys[:, first:], keys, positions, hidden)
        mixed, after = self.convolution(self.norm_convolution(y), before)
        y = y + mixed
        y = y + 0.5 * self.after(self.norm_after(y))
        return self.norm_last(y), after
