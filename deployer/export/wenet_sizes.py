"""The sizes of a U2 speech recogniser: what its encoder, CTC layer and decoder are made of."""

from __future__ import annotations

from dataclasses import dataclass, fields

from board_runner.errors import ModelError

POSITIONS = 5000
"""Frames, or tokens, that the table of positions holds: 200 s of audio at 40 ms a frame."""


@dataclass(frozen=True, kw_only=True)
class WenetShape:
    """The defaults are the unified conformer of the Chinese recipe with 4233 characters.

    `kernel` is the width of the causal convolution, `tokens` counts blank, unknown and the shared start and end.
    """

    channels: int = 80
    width: int = 256
    heads: int = 4
    hidden: int = 2048
    layers: int = 12
    kernel: int = 15
    tokens: int = 4233
    decoder_heads: int = 4
    decoder_hidden: int = 2048
    decoder_layers: int = 6

    def __post_init__(self) -> None:
        """Raise ModelError for sizes of no network."""
        for size in fields(self):
            if getattr(self, size.name) < 1:
                raise ModelError(f"WeNet with {size.name} {getattr(self, size.name)}: must be at least 1")
        for heads in (self.heads, self.decoder_heads):
            if self.width % heads:
                raise ModelError(f"WeNet of width {self.width} cannot be shared among {heads} heads")
        if self.width % 2:
            raise ModelError(f"WeNet of width {self.width}: positions are pairs of sine and cosine")
        if self.channels < 7 or self.tokens < 3 or self.kernel < 2:
            raise ModelError("WeNet needs 7 mel channels, 3 tokens and a kernel of 2 at least")

    @property
    def bands(self) -> int:
        """Channels left along frequency after both subsampling convolutions."""
        return ((self.channels - 1) // 2 - 1) // 2


def multiplications(
    shape: WenetShape, *, frames: int, history: int = 0, known_positions: bool = False
) -> int:
    """Multiply-accumulates of the encoder for one chunk of `frames` frames after `history` kept ones.

    The kept frames go through the first half of each layer again, for what is kept are outputs of layers, not
    keys and values. With `known_positions` the projections of positions are not counted: constant offsets let
    a compiler work them out beforehand.
    """
    keys, width = frames + history, shape.width
    first = (2 * frames + 1) * ((shape.channels - 1) // 2) * width * 9
    second = frames * shape.bands * width * width * 9
    square = width * width
    attention = square * (2 * frames + (2 if known_positions else 3) * keys) + 3 * frames * keys * width
    convolution = (frames + shape.kernel - 1) * 2 * square + frames * width * shape.kernel + frames * square
    dense = (keys + frames) * 2 * width * shape.hidden
    layers = shape.layers * (attention + convolution + dense)
    return first + second + frames * shape.bands * square + layers
