"""What a board program says of a clip in place of a class id."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """An embedding as it came out of the network: its float32 values in hex, the lowest byte of each first."""

    hex: str

    @property
    def values(self) -> tuple[float, ...]:
        """The numbers."""
        data = bytes.fromhex(self.hex)
        return struct.unpack(f"<{len(data) // 4}f", data)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What was heard: token numbers, the natural logarithm of their likelihood, and in how many chunks."""

    tokens: tuple[int, ...]
    score: float
    chunks: int


Said: TypeAlias = Embedded | Heard
