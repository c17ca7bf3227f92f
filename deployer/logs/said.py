"""What a board program says of a clip in place of a class id."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from toolchain_wrappers import intake


class Said(intake.Choice):
    """An `Embedded`, or what was `Heard`."""

    @classmethod
    def choice(cls, given: Any) -> type[Said]:
        """Only an embedding has `hex`."""
        return Embedded if isinstance(given, Mapping) and "hex" in given else Heard


@dataclass(frozen=True, kw_only=True)
class Embedded(Said):
    """An embedding as it came out of the network: its float32 values in hex, the lowest byte of each first."""

    hex: str

    @property
    def values(self) -> tuple[float, ...]:
        """The numbers."""
        data = bytes.fromhex(self.hex)
        return struct.unpack(f"<{len(data) // 4}f", data)


@dataclass(frozen=True, kw_only=True)
class Heard(Said):
    """What was heard: token numbers, the natural logarithm of their likelihood, and in how many chunks."""

    tokens: tuple[int, ...]
    score: float
    chunks: int
