"""The vendor's `quant_file`: a JSON list of ranges and bits by tensor, read and written.

    [{"name": "x", "min": [-1.0], "max": [2.0], "bit": 8}, {"name": "w", "min": [...], "max": [...], "bit": 8}]

The vendor reads pickles too; this reader does not, for loading one executes what is in it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from board_runner.errors import ModelError
from board_runner.quant.ranges import Range

KEYS = frozenset(["name", "min", "max", "bit", "data"])


@dataclass(frozen=True, kw_only=True)
class Override:
    """One entry. `low` and `high` hold one number, or one a channel; `data` replaces a constant's values."""

    name: str
    bits: Literal[8, 16]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    data: tuple[float, ...] | None = None

    @property
    def has_range(self) -> bool:
        """An entry may say the bits alone."""
        return bool(self.low)

    @property
    def limits(self) -> Range:
        """The range over all channels: activations have one scale here."""
        return min(self.low), max(self.high)

    def entry(self) -> dict[str, Any]:
        """The entry as it is written."""
        fields = {"name": self.name, "min": list(self.low), "max": list(self.high), "bit": self.bits}
        return fields if self.data is None else {**fields, "data": list(self.data)}


def read(path: Path) -> dict[str, tuple[Override, ...]]:
    """Entries by name, in the order of the file. Raises ModelError that names the file and the entry."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise ModelError(f"{path}: cannot be read ({e.strerror})") from e
    except (ValueError, RecursionError) as e:
        raise ModelError(f"{path}: not JSON ({e})", hint="a pickled quant_file is not read") from e
    if not isinstance(entries, list):
        raise ModelError(f"{path}: not a list of entries")
    found: dict[str, tuple[Override, ...]] = {}
    for number, entry in enumerate(entries):
        try:
            override = _override(entry)
        except (ValueError, TypeError, KeyError) as e:
            raise ModelError(f"{path}: entry {number}: {e}") from e
        if any(other.bits == override.bits for other in found.get(override.name, ())):
            raise ModelError(f"{path}: entry {number}: {override.name!r} in {override.bits} bits again")
        found[override.name] = (*found.get(override.name, ()), override)
    return found


def write(path: Path, overrides: Sequence[Override]) -> None:
    """One entry a line; the shortest decimals that give the same float64 again."""
    lines = ",\n".join(json.dumps(override.entry()) for override in overrides)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def by_name(overrides: Sequence[Override]) -> dict[str, tuple[Override, ...]]:
    """As `read` gives them."""
    found: dict[str, tuple[Override, ...]] = {}
    for override in overrides:
        found[override.name] = (*found.get(override.name, ()), override)
    return found


def _override(entry: Mapping[str, Any]) -> Override:
    if not isinstance(entry, dict):
        raise ValueError("not an object")
    if unknown := sorted(set(entry) - KEYS):
        raise ValueError(f"unknown key {unknown[0]!r}")
    if not isinstance(entry.get("name"), str):
        raise ValueError("has no name")
    bits = entry.get("bit")
    if bits not in (8, 16) or isinstance(bits, bool):
        raise ValueError(f"bit is {bits!r}, not 8 or 16")
    low, high = _numbers(entry.get("min", [])), _numbers(entry.get("max", []))
    if len(low) != len(high):
        raise ValueError(f"{len(low)} min and {len(high)} max")
    if any(a > b for a, b in zip(low, high, strict=True)):
        raise ValueError("a min above its max")
    data = None if entry.get("data") is None else _numbers(entry["data"])
    return Override(name=entry["name"], bits=8 if bits == 8 else 16, low=low, high=high, data=data)


def _numbers(values: Any) -> tuple[float, ...]:
    listed = values if isinstance(values, list) else [values]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in listed):
        raise ValueError("min, max and data are lists of numbers")
    numbers = tuple(float(value) for value in listed)
    if not all(math.isfinite(value) and abs(value) < 1e30 for value in numbers):
        raise ValueError("a number that is not finite, or beyond float32")
    return numbers
