"""The sizes of EfficientAT's networks: MN (arXiv 2211.04772) and DyMN (arXiv 2310.15648) in any width.

Both are MobileNetV3-Large (arXiv 1905.02244, table 1) on a spectrogram of one channel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from board_runner.errors import ModelError

NAME = re.compile(r"(?P<kind>dymn|mn)(?P<tenths>\d\d)(?:_\w+)?", re.IGNORECASE)
KERNELS = 4
"""Kernels that one dynamic convolution mixes."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """One inverted residual: channels, kernel, stride, squeeze-and-excitation, hard swish in place of ReLU."""

    inside: int
    expanded: int
    outside: int
    kernel: int
    stride: int
    excited: bool
    hard: bool

    @property
    def is_residual(self) -> bool:
        """Whether the input is added to the output."""
        return self.stride == 1 and self.inside == self.outside


def _table(*rows: tuple[int, int, int, int, int, bool, bool]) -> tuple[Block, ...]:
    names = ("inside", "kernel", "expanded", "outside", "stride", "excited", "hard")
    return tuple(Block(**dict(zip(names, row, strict=True))) for row in rows)  # type: ignore[arg-type]


BLOCKS = _table(
    (16, 3, 16, 16, 1, False, False),
    (16, 3, 64, 24, 2, False, False),
    (24, 3, 72, 24, 1, False, False),
    (24, 5, 72, 40, 2, True, False),
    (40, 5, 120, 40, 1, True, False),
    (40, 5, 120, 40, 1, True, False),
    (40, 3, 240, 80, 2, False, True),
    (80, 3, 200, 80, 1, False, True),
    (80, 3, 184, 80, 1, False, True),
    (80, 3, 184, 80, 1, False, True),
    (80, 3, 480, 112, 1, True, True),
    (112, 3, 672, 112, 1, True, True),
    (112, 5, 672, 160, 2, True, True),
    (160, 5, 960, 160, 1, True, True),
    (160, 5, 960, 160, 1, True, True),
)
"""Width 1.0: channels in, kernel, expanded, out, stride, squeeze-and-excitation (MN alone), hard swish."""


def divisible(value: float) -> int:
    """The multiple of 8 nearest to `value`, at least 8, and never below 90 % of it."""
    nearest = max(8, int(value + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * value else nearest + 8


@dataclass(frozen=True, kw_only=True)
class EfficientAtShape:
    """All that decides the parameters of a network."""

    dynamic: bool
    width: float
    classes: int

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The inverted residuals at this width."""
        return tuple(
            replace(
                block,
                inside=divisible(block.inside * self.width),
                expanded=divisible(block.expanded * self.width),
                outside=divisible(block.outside * self.width),
            )
            for block in BLOCKS
        )

    @property
    def features(self) -> int:
        """Channels after the last convolution, which are the pooled features."""
        return 6 * self.blocks[-1].outside

    @property
    def hidden(self) -> int:
        """Width of the layer between features and classes."""
        return divisible(1280 * self.width)

    def context(self, block: Block) -> int:
        """Size of the vector that steers a dynamic block: a quarter of its width, within limits."""
        low, high = divisible(32 * self.width), divisible(128 * self.width)
        return min(max(divisible(block.expanded // 4), low), high)

    @staticmethod
    def squeezed(channels: int) -> int:
        """Width of the bottleneck of a squeeze-and-excitation."""
        return divisible(channels // 4)


def parse(name: str, *, classes: int) -> EfficientAtShape:
    """`mn10`, `dymn20_as`: the kind, and the width in tenths; what follows an underscore says nothing of sizes.

    Raises ModelError for another name.
    """
    found = NAME.fullmatch(name.strip())
    if found is None or not int(found["tenths"]) or classes < 2:
        raise ModelError(
            f"EfficientAT network {name!r} of {classes} classes",
            hint="mn05, mn10, mn20, dymn05, dymn10, dymn20, of two classes or more",
        )
    return EfficientAtShape(
        dynamic=found["kind"].lower() == "dymn", width=int(found["tenths"]) / 10, classes=classes
    )
