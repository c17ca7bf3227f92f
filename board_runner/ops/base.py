"""What an operator is given. Needs numpy alone, so that the integer path can share operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One operator call: inputs in order (None where left out), attributes, and the graph's opset."""

    inputs: tuple[Array | None, ...]
    attributes: Mapping[str, Any]
    opset: int = 13
    n_outputs: int = 1

    def __getitem__(self, index: int) -> Array:
        """Input `index`, which must be there; raises ModelError."""
        value = self.optional(index)
        if value is None:
            raise ModelError(f"input {index} is missing")
        return value

    def optional(self, index: int) -> Array | None:
        """Input `index`, or None where the node leaves it out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def attr(self, name: str, default: Any = None) -> Any:
        """Attribute `name`, or `default`."""
        return self.attributes.get(name, default)

    def ints(self, index: int, name: str) -> list[int] | None:
        """Whole numbers from input `index` (newer opsets) or else from attribute `name` (older ones)."""
        value = self.optional(index)
        if value is not None:
            return [int(v) for v in value.ravel()]
        listed = self.attr(name)
        return None if listed is None else [int(v) for v in np.atleast_1d(listed)]


Op: TypeAlias = Callable[[Call], Array | tuple[Array, ...]]
"""An operator: a pure function from a call to its output, or to the tuple of its outputs."""
