"""The sizes of an ECAPA-TDNN: the network of the paper in both its widths, and that of the seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from board_runner.errors import ModelError

Past = Literal["input", "sum", "sum beside"]
"""What goes past a block and is added to its result. `input`: what goes in, which is the result before it.
`sum`: the sum of all results before it, which also goes in (the paper). `sum beside`: that sum, though only the
result before it goes in (the seed)."""

Fill = Literal["zeros", "reflect"]
"""What convolutions see beyond the ends."""


@dataclass(frozen=True, kw_only=True)
class EcapaShape:
    """One network. `inner` are the channels within a block, `pooled` those that are pooled over time.

    `context`: the attention sees the whole clip's statistics. `gather_norm`: a batch normalisation where the
    blocks' results come together. `unit_length`: one after the embedding, which then has length 1.
    """

    channels: int = 512
    inner: int = 512
    groups: int = 8
    dilations: tuple[int, ...] = (2, 3, 4)
    bottleneck: int = 128
    pooled: int = 1536
    width: int = 192
    mels: int = 80
    past: Past = "sum"
    context: bool = True
    gather_norm: bool = True
    unit_length: bool = False
    fill: Fill = "zeros"

    def __post_init__(self) -> None:
        """Raise ModelError for sizes that make no network."""
        sizes = ("channels", "inner", "groups", "bottleneck", "pooled", "width", "mels")
        for name in sizes:
            if getattr(self, name) < 1:
                raise ModelError(f"ECAPA with {name} {getattr(self, name)}: must be at least 1")
        if self.groups < 2 or self.inner % self.groups:
            raise ModelError(f"ECAPA with {self.inner} inner channels in {self.groups} groups")
        if not self.dilations or min(self.dilations) < 1:
            raise ModelError(f"ECAPA with dilations {list(self.dilations)}")
        if self.past not in get_args(Past) or self.fill not in get_args(Fill):
            raise ModelError(f"ECAPA with past {self.past!r} and fill {self.fill!r}")


PRESETS: Mapping[str, EcapaShape] = MappingProxyType(
    {
        "seed": EcapaShape(inner=4096, past="sum beside", context=False, gather_norm=False, unit_length=True),
        "C512": EcapaShape(),
        "C1024": EcapaShape(channels=1024, inner=1024),
    }
)
"""Seed: the 33 M network whose blocks open to 4096 channels. C512, C1024: the paper's two."""


def preset(name: str) -> EcapaShape:
    """The shape of this name, in any case; raises ModelError for one we do not have."""
    known = {key.upper(): shape for key, shape in PRESETS.items()}
    if name.upper() not in known:
        raise ModelError(f"no ECAPA network {name!r}", hint=f"there are {', '.join(PRESETS)}")
    return known[name.upper()]
