"""The three networks that are exported: a streaming encoder without optional inputs, CTC, and the decoder.

Every cache begins with one dummy frame, for a graph has no way to be given none. Its value is never used. So
offsets begin at 1, a cache of one frame is an empty one, and the output begins with a dummy frame too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deployer.export.wenet_encoder import Caches, Encoder


class StreamingEncoder(nn.Module):  # type: ignore[misc]
    """One chunk of any length: outputs (1, 1 + T, width), and the caches for the next."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(
        self, feats: Tensor, offset: Tensor, keep: Tensor, *caches: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`offset` (1,) counts the frames before this chunk, plus 1; `keep` (1,) bounds the frames kept."""
        subsampling, layers, states = caches
        x = self.encoder.subsampling(feats)
        kept = Caches(subsampling=subsampling[:, 1:], layers=layers[:, :, 1:], convolutions=states)
        first = offset[0] - subsampling.size(1)
        frames = kept.subsampling.size(1) + x.size(1)
        positions = self.encoder.positions[:, first : first + frames]
        start = torch.clamp(frames - keep[0], min=0)
        y, made = self.encoder.run_layers(x, kept, positions, lambda joined: joined[:, start:])
        return (
            torch.cat([subsampling[:, :1], y], dim=1),
            torch.cat([subsampling[:, :1], made.subsampling], dim=1),
            torch.cat([layers[:, :, :1], made.layers], dim=2),
            made.convolutions,
        )


class Ctc(nn.Module):  # type: ignore[misc]
    """Encoder outputs (1, T, width), without the dummy frame -> log-probabilities (1, T, tokens)."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, tokens)

    def forward(self, encoded: Tensor) -> Tensor:
        return self.linear(encoded).log_softmax(dim=-1)
