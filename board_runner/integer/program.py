"""The integer program: values, and the instructions that make one from others. numpy and stdlib only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from board_runner.contract import Array

Kernel: TypeAlias = Callable[[Sequence[Array], Array], Array]
"""Inputs, and an array of the output's type and shape to fill -> that array, or a view of an input."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """One tensor at run time: real = (stored - zero) * scale; `float32` values have scale 1, zero 0."""

    dtype: str
    shape: tuple[int, ...]
    scale: float = 1.0
    zero: int = 0


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """`op` is one of `opset.OPS`; `ints` and `tensors` are its constants, as `docs/formats.md` lists them.

    `name` is the tensor of the float model that the output stands for, or empty for a step inside a layer.
    """

    op: str
    inputs: tuple[int, ...]
    output: int
    ints: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    tensors: Mapping[str, Array] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Program:
    """Instructions in order; inputs and outputs are (name, value) pairs."""

    values: tuple[Value, ...]
    instructions: tuple[Instruction, ...]
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, int], ...]
