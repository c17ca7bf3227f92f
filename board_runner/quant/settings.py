"""What a caller may choose about quantisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class QuantSettings:
    """`int16_inputs` names first inputs of convolutions that stay int16 (`tensor_arrays` in the ini)."""

    conv_bits: Literal[8, 16] = 8
    int16_inputs: tuple[str, ...] = ()
    level: Literal["L1"] = "L1"
