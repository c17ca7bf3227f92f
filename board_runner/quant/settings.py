"""What a caller may choose about quantisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from board_runner.errors import ModelError

if TYPE_CHECKING:
    from board_runner.quant.quant_file import Override

Level: TypeAlias = Literal["L1", "L2", "L3", "L4", "L5"]
LEVELS: tuple[Level, ...] = get_args(Level)

RangeMethod: TypeAlias = Literal["minmax", "fitted", "percentile"]

ConvKind: TypeAlias = Literal["conv2d", "depthwise"]

INPUT_FORMATS: Mapping[str, tuple[ConvKind, ...]] = {
    "ALL_UINT8": (),
    "ALL_INT16": ("conv2d", "depthwise"),
    "CONV2D_INT16": ("conv2d",),
    "DEPTHWISE_INT16": ("depthwise",),
}
"""`[CONV_CONFIG] input_format` of the ini: the kinds of convolution that take 16 bits."""

DEFAULT_THRESHOLD = 0.002


@dataclass(frozen=True, kw_only=True)
class QuantSettings:
    """`level` is the vendor's; `docs/quantisation.md` says what each does here.

    `conv_bits` is that of every convolution, unless `int16_kinds` names its kind, `int16_inputs` its first
    input (`tensor_arrays` in the ini, which leaves the first convolution alone) or `overrides` its weight or
    input.
    `range_method` goes before the level's own for the uint8 inputs of convolutions. `upgrade` False keeps
    L5 from choosing bits itself, as `[CONV_CONFIG]` does.
    """

    conv_bits: Literal[8, 16] = 8
    int16_inputs: tuple[str, ...] = ()
    int16_kinds: tuple[ConvKind, ...] = ()
    level: Level = "L1"
    range_method: RangeMethod | None = None
    sensitivity_threshold: float = DEFAULT_THRESHOLD
    upgrade: bool = True
    overrides: Mapping[str, tuple[Override, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ModelError for a level that there is not and a threshold that is none."""
        if self.level not in LEVELS:
            raise ModelError(f"no quantisation level {self.level!r}", hint=f"levels: {', '.join(LEVELS)}")
        if not self.sensitivity_threshold >= 0:
            raise ModelError(f"a sensitivity threshold of {self.sensitivity_threshold} is not one")

    @property
    def all_int16(self) -> bool:
        """Whether no convolution is left in 8 bits."""
        return self.conv_bits == 16 or set(self.int16_kinds) >= {"conv2d", "depthwise"}

    @property
    def effective_level(self) -> Level:
        """The level that is carried out: with all convolutions in 16 bits any but L1 is lowered to L2."""
        return "L2" if self.all_int16 and self.level != "L1" else self.level

    @property
    def method(self) -> RangeMethod:
        """How the ranges of uint8 inputs are found."""
        return self.range_method or ("fitted" if self.effective_level >= "L3" else "minmax")

    @property
    def passes(self) -> int:
        """How often the calibration samples are gone through: the second time for histograms."""
        return 2 if self.effective_level >= "L3" or self.method != "minmax" else 1
