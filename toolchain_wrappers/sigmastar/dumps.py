"""The simulators' text dumps (`-c Unknown`): text in, tensors out."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from toolchain_wrappers.errors import ToolchainError

_HEAD = re.compile(
    r"^(?P<name>[^\n]*?) Tensor:\s*\{\s*"
    r"tensor dim:(?P<dim>\d+),\s*Original shape:\[(?P<shape>[\d ]*)\]"
    r"(?:,\s*Alignment shape:\[(?P<aligned>[\d ]*)\])?\s*"
    r"(?:The following tensor data shape is alignment shape\.\s*)?"
    r"tensor data:\s*(?P<data>[^}]*)(?P<end>\})?",
    re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class DumpedTensor:
    """One output: `values` are float32 of the original shape, padding taken off."""

    name: str
    values: Array


def parse(text: str) -> list[DumpedTensor]:
    """Every tensor of one file: the Python writer's form, the board's (TAB, blank), aligned int16 outputs.

    Raises ToolchainError when the text is cut short or holds another number of values than its shape.
    """
    found = [_tensor(match) for match in _HEAD.finditer(text)]
    if not found:
        raise ToolchainError("no tensor in it: not a simulator's output, or cut short")
    return found


def _tensor(match: re.Match[str]) -> DumpedTensor:
    name = match["name"].strip()
    shape = _sizes(match["shape"])
    if len(shape) != int(match["dim"]):
        raise ToolchainError(f"tensor {name!r}: {match['dim']} dimensions stated, shape {list(shape)}")
    stored = _sizes(match["aligned"]) if match["aligned"] is not None else shape
    try:
        values = np.array(match["data"].split(), dtype=np.float32)
    except ValueError as e:
        raise ToolchainError(f"tensor {name!r}: not a number: {e}") from e
    if match["end"] is None or values.size != math.prod(stored):
        raise ToolchainError(
            f"tensor {name!r}: {values.size} values of {math.prod(stored)}: the file is cut short"
        )
    if len(stored) != len(shape) or any(have < want for have, want in zip(stored, shape, strict=True)):
        raise ToolchainError(f"tensor {name!r}: alignment shape {list(stored)} does not hold {list(shape)}")
    whole = values.reshape(stored)
    return DumpedTensor(name=name, values=np.ascontiguousarray(whole[tuple(slice(size) for size in shape)]))


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split())
