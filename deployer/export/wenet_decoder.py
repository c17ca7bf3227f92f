"""U2's attention decoder: a Transformer (arXiv 1706.03762) that scores whole hypotheses."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from deployer.export.wenet_layers import EPSILON, Heads, position_table
from deployer.export.wenet_sizes import WenetShape


class Attention(Heads):
    """Attention from queries (N, L, width) over keys (N or 1, K, width)."""

    def forward(self, queries: Tensor, keys: Tensor, hidden: Tensor | None = None) -> Tensor:
        """(N, L, width); keys where `hidden` (L, K) are left out."""
        q = self._split(self.query(queries)).transpose(1, 2)
        k = self._split(self.key(keys)).permute(0, 2, 3, 1)
        return self._mixed(q @ k, keys, hidden)


class DecoderLayer(nn.Module):  # type: ignore[misc]
    """Attention over the tokens so far, attention over the audio, feed-forward: each on a normalised input."""

    def __init__(self, shape: WenetShape) -> None:
        super().__init__()
        self.own = Attention(shape.width, shape.decoder_heads)
        self.audio = Attention(shape.width, shape.decoder_heads)
        self.widen = nn.Linear(shape.width, shape.decoder_hidden)
        self.narrow = nn.Linear(shape.decoder_hidden, shape.width)
        for name in ("norm_own", "norm_audio", "norm_feed"):
            self.add_module(name, nn.LayerNorm(shape.width, eps=EPSILON))

    def forward(self, x: Tensor, encoded: Tensor, hidden: Tensor) -> Tensor:
        y = self.norm_own(x)
        x = x + self.own(y, y, hidden)
        x = x + self.audio(self.norm_audio(x), encoded)
        return x + self.narrow(torch.relu(self.widen(self.norm_feed(x))))


class Decoder(nn.Module):  # type: ignore[misc]
    """Encoder outputs (1, T, width), hypotheses (N, L) after the start -> log-probabilities (N, L, tokens).

    Row j says what comes after the first j + 1 tokens. Padding at the end changes nothing before it.
    """

    def __init__(self, shape: WenetShape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.tokens, shape.width)
        self.scale = math.sqrt(shape.width)
        self.layers = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.decoder_layers))
        self.norm = nn.LayerNorm(shape.width, eps=EPSILON)
        self.linear = nn.Linear(shape.width, shape.tokens)
        table = position_table(shape.width)
        self.register_buffer("positions", table, persistent=False)
        self.register_buffer("places", torch.arange(table.size(1)), persistent=False)

    def forward(self, encoded: Tensor, tokens: Tensor) -> Tensor:
        length = tokens.size(1)
        places = self.places[:length]
        hidden = places[None, :] > places[:, None]
        x = self.embedding(tokens) * self.scale + self.positions[:, :length]
        for layer in self.layers:
            x = layer(x, encoded, hidden)
        return self.linear(self.norm(x)).log_softmax(dim=-1)
