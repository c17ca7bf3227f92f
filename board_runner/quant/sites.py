"""A node while it is lowered, and what lowering functions share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.graph import Node
from board_runner.integer import requant
from board_runner.integer.program import Value
from board_runner.quant.lowering import Lowering

ACTIVATION = 1 << 15
"""The largest magnitude of an int16 level."""

WIDE = requant.INT_LIMIT - (1 << 52)
"""The limit of sums that are requantised in 64 bits."""


@dataclass(frozen=True, kw_only=True)
class Sites:
    """One node, the lowering it belongs to, and what its output is to be."""

    work: Lowering
    node: Node
    like: Value

    @property
    def name(self) -> str:
        """The tensor of the float model that the node's output stands for."""
        return self.node.outputs[0].removesuffix("/raw")

    def input(self, index: int) -> int:
        """Value of input `index`."""
        return self.work.value(self.node.inputs[index])

    def scale(self, index: int) -> float:
        """Scale of input `index`."""
        return self.work.values[self.input(index)].scale

    def shape(self, index: int) -> tuple[int, ...]:
        """Shape of input `index`."""
        return self.work.values[self.input(index)].shape

    def emit(
        self,
        op: str,
        *inputs: int,
        ints: Mapping[str, tuple[int, ...]] | None = None,
        tensors: dict[str, Array] | None = None,
    ) -> int:
        """An instruction that gives the node's output."""
        return self.work.emit(op, inputs, self.like, ints=ints, tensors=tensors, name=self.name)

    def constant(self, index: int) -> Array:
        """An initializer that is no activation."""
        return self.work.constants[self.node.inputs[index]]


def elementwise(*ratios: float) -> dict[str, tuple[int, ...]]:
    """Multipliers and shifts of int16 levels, one pair a ratio."""
    pairs = [requant.fit(ratio, ACTIVATION, requant.FLOAT_LIMIT) for ratio in ratios]
    return {"multiplier": tuple(m for m, _ in pairs), "shift": tuple(s for _, s in pairs)}


def at_scale(site: Sites, index: int) -> int:
    """Input `index` at the output's scale."""
    ratio = site.scale(index) / site.like.scale
    if ratio == 1:
        return site.input(index)
    return site.work.emit("scale", (site.input(index),), site.like, ints=elementwise(ratio))


def number(site: Sites, index: int) -> float | None:
    """The one number that input `index` is, if it is a constant of one element kept as it was."""
    name = site.node.inputs[index] if index < len(site.node.inputs) else ""
    value = site.work.constants.get(name)
    return None if value is None or value.size != 1 else float(value.ravel()[0])


def refuse(site: Sites, what: str) -> ModelError:
    """The error for a form of a known operator that has no instruction."""
    return ModelError(f"{site.node.name}: {what} has no integer form")
