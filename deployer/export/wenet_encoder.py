"""U2's encoder (arXiv 2012.05481): over a whole clip under the chunk mask, chunk by chunk, and for export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from board_runner.errors import UsageError
from deployer.export.wenet_layers import EPSILON, EncoderLayer, Subsampling, position_table
from deployer.export.wenet_sizes import POSITIONS, WenetShape

Keep: TypeAlias = Callable[[Tensor], Tensor]
"""From all frames (1, H + T, width) to those that the next chunk gets."""


@dataclass(frozen=True, kw_only=True)
class Caches:
    """What goes from chunk to chunk: H kept outputs of the subsampling and each layer; the convolutions' states.

    `subsampling` (1, H, width), `layers` (layers, 1, H, width), `convolutions` (layers, 1, width, kernel - 1).
    A layer is run on the outputs of the one before it, so what the last one gives is kept for show.
    """

    subsampling: Tensor
    layers: Tensor
    convolutions: Tensor


def chunk_mask(frames: int, chunk: int, left_chunks: int = -1) -> Tensor:
    """(T, T), True where row i must not see column j: in a later chunk, or one too far back.

    A `chunk` below 1 lets every frame see all; `left_chunks` below 0 is no bound.
    """
    if chunk < 1:
        return torch.zeros(frames, frames, dtype=torch.bool)
    number = torch.arange(frames) // chunk
    late = number[None, :] > number[:, None]
    if left_chunks < 0:
        return late
    return late | (number[None, :] < number[:, None] - left_chunks)


class Encoder(nn.Module):  # type: ignore[misc]
    """Features (1, T, channels) -> (1, frames, width)."""

    def __init__(self, shape: WenetShape) -> None:
        super().__init__()
        self.shape = shape
        self.subsampling = Subsampling(shape)
        self.layers = nn.ModuleList(EncoderLayer(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width, eps=EPSILON)
        self.register_buffer("positions", position_table(shape.width), persistent=False)

    def forward(self, feats: Tensor, chunk: int = 0, left_chunks: int = -1) -> Tensor:
        """The whole clip at once, where no frame sees a later chunk or one too far back.

        Raises UsageError for a clip longer than the table of positions.
        """
        x = self.subsampling(feats)
        frames = x.size(1)
        if frames > POSITIONS:
            raise UsageError(f"{frames} frames, the table of positions holds {POSITIONS}")
        hidden = chunk_mask(frames, chunk, left_chunks)
        none = x[:, :0]
        for layer in self.layers:
            x, _ = layer(x, none, self.positions[:, :frames], self.silence(), hidden)
        return self.norm(x)

    def forward_chunk(
        self, feats: Tensor, offset: int = 0, caches: Caches | None = None, keep: int = POSITIONS
    ) -> tuple[Tensor, Caches]:
        """One chunk that begins at frame `offset`; no caches at the first. Keeps the last `keep` frames."""
        x = self.subsampling(feats)
        if caches is None:
            silence = torch.stack([self.silence()] * len(self.layers))
            caches = Caches(
                subsampling=x[:, :0],
                layers=x[None, :, :0].repeat(len(self.layers), 1, 1, 1),
                convolutions=silence,
            )
        first = offset - caches.subsampling.size(1)
        positions = self.positions[:, first : first + caches.subsampling.size(1) + x.size(1)]
        return self.run_layers(
            x, caches, positions, lambda joined: joined[:, max(joined.size(1) - keep, 0) :]
        )

    def run_layers(self, x: Tensor, caches: Caches, positions: Tensor, kept: Keep) -> tuple[Tensor, Caches]:
        """Subsampled frames (1, T, width) through every layer; `kept` takes what is to be kept of all frames."""
        before = [caches.subsampling, *caches.layers.unbind(0)]
        inputs, states = [kept(torch.cat([before[0], x], dim=1))], []
        for i, layer in enumerate(self.layers):
            x, state = layer(x, before[i], positions, caches.convolutions[i])
            inputs.append(kept(torch.cat([before[i + 1], x], dim=1)))
            states.append(state)
        made = Caches(subsampling=inputs[0], layers=torch.stack(inputs[1:]), convolutions=torch.stack(states))
        return self.norm(x), made

    def silence(self) -> Tensor:
        """The state of a convolution before the first frame: (1, width, kernel - 1) zeros."""
        return torch.zeros(1, self.shape.width, self.shape.kernel - 1)
