"""Convolutions of uint8 with int8 and of int16 with int16, exact through BLAS; in one dimension planes of height 1.

uint8 levels enter as x - 128, or x - zero where one filter a channel runs as band matrices, and int8 weights
stay: with 128 (255) * sum|w| below 2^24 every partial sum is an integer that float32 holds, in any order of
addition; else float64 does, as for int16 (bound 2^53).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from board_runner.integer import constants, requant
from board_runner.integer.program import Instruction, Kernel, Value
from board_runner.integer.requant import Finish
from board_runner.ops.base import Call
from board_runner.plan.planes import DepthwiseConv2d, Geometry

TILE_ELEMENTS = 1 << 18
"""Elements of the unfolded input of one tile: it and its product stay in the second-level cache."""

WIDEST_BAND = (7, 31)
"""The largest filter of one channel that runs as band matrices, whose windows take so many times its input."""

Pair = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Window:
    """A window that slides over planes (C, H, W): each pair is (along the height, along the width)."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    begins: Pair
    ends: Pair

    @classmethod
    def of(cls, instruction: Instruction, kernel: tuple[int, ...]) -> Window:
        """In one dimension the height is 1."""
        one = {"kernel": kernel, **{name: instruction.ints[name] for name in ("stride", "dilation")}}
        none = {name: instruction.ints[name] for name in ("begins", "ends")}
        pairs = {name: (1, *v) if len(v) == 1 else (v[0], v[1]) for name, v in one.items()}
        return cls(**pairs, **{name: (0, *v) if len(v) == 1 else (v[0], v[1]) for name, v in none.items()})

    def padded(self, x: Array, fill: int) -> Array:
        """Planes with their pads; `x` itself where there are none."""
        if not any(self.begins + self.ends):
            return x
        (top, left), (bottom, right) = self.begins, self.ends
        out = np.full((len(x), x.shape[1] + top + bottom, x.shape[2] + left + right), fill, x.dtype)
        out[:, top : top + x.shape[1], left : left + x.shape[2]] = x
        return out

    @property
    def is_band(self) -> bool:
        """Whether one filter a channel is worth a band matrix."""
        small = self.kernel[0] <= WIDEST_BAND[0] and self.kernel[1] <= WIDEST_BAND[1]
        return small and self.dilation == (1, 1) and self.kernel != (1, 1)

    def part(self, x: Array, rows: slice, columns: slice) -> Array:
        """What the output's `rows` and `columns` read of padded planes."""
        spans = []
        for axis, places in enumerate((rows, columns)):
            first, last = places.start * self.stride[axis], (places.stop - 1) * self.stride[axis]
            spans.append(slice(first, last + self.dilation[axis] * (self.kernel[axis] - 1) + 1))
        return x[:, spans[0], spans[1]]

    def shifted(self, part: Array, rows: int, columns: int) -> Iterator[Array]:
        """The input of every tap for `rows` by `columns` outputs, row by row of the kernel: views."""
        (kh, kw), (sh, sw), (dh, dw) = self.kernel, self.stride, self.dilation
        for i in range(kh):
            lines = part[:, i * dh : i * dh + (rows - 1) * sh + 1 : sh]
            for j in range(kw):
                yield lines[:, :, j * dw : j * dw + (columns - 1) * sw + 1 : sw]


def planes(x: Array) -> Array:
    """(1, C, L) as (C, 1, L), (1, C, H, W) as (C, H, W)."""
    return x.reshape(x.shape[1], -1 if x.ndim == 4 else 1, x.shape[-1])


def tiles(rows: int, columns: int, each: int) -> Iterator[tuple[slice, slice]]:
    """Parts of an output plane, `each` elements of unfolded input a place: whole rows, or pieces of one."""
    count = max(1, TILE_ELEMENTS // max(1, each))
    height, width = max(1, count // max(1, columns)), min(count, columns)
    for top in range(0, rows, height):
        for left in range(0, columns, max(1, width)):
            yield slice(top, min(top + height, rows)), slice(left, min(left + width, columns))


def conv(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """(1, C, L) -> (1, M, L') int16, or planes. The stored offset holds bias and zero point already."""
    weight, largest = constants.channels(instruction, axis=0)
    narrow, zero = instruction.op == "conv8", inputs[0].zero
    group, window = instruction.ints["group"][0], Window.of(instruction, weight.shape[2:])
    bands = weight.shape[1] == 1 and len(weight) == group and window.is_band
    centre = zero if bands else 128 * narrow
    reach = largest * (255 if narrow and bands else 128 if narrow else 32768)
    kind = np.float32 if reach < 1 << 24 else np.float64
    multiplier, shift, offset = (
        instruction.tensors[name].astype(np.int64).reshape(-1, 1, 1)
        for name in ("multiplier", "shift", "offset")
    )
    sums = weight.reshape(len(weight), -1).astype(np.int64).sum(axis=1)
    moved = offset + multiplier * (centre * sums[:, None, None])
    kernel = weight.reshape(*weight.shape[:2], *window.kernel).astype(kind)
    if bands:
        step = max(1, TILE_ELEMENTS // max(1, math.prod(output.shape[2:])))
        parts = [slice(first, first + step) for first in range(0, group, step)]
        finishers = [
            (part, requant.finisher(multiplier[part], shift[part], moved[part], reach=reach))
            for part in parts
        ]
        return _by_bands(kernel[:, 0], window, centre, finishers)
    finish = requant.finisher(multiplier, shift, moved, reach=reach)

    def run(xs: Sequence[Array], out: Array) -> Array:
        x = window.padded(planes(xs[0]), zero)
        _run(x, kernel, group, window, centre=centre, finish=finish, out=planes(out))
        return out

    return run


def _by_bands(taps: Array, window: Window, centre: int, finishers: Sequence[tuple[slice, Finish]]) -> Kernel:
    """One filter (C, kh, kw) a channel; `finishers` by channels, so that sums stay in the cache."""
    pads = Call(inputs=(), attributes={"pads": [*window.begins, *window.ends]})
    geometry = Geometry(
        kernel=window.kernel, strides=window.stride, dilations=window.dilation, attributes=pads
    )
    filters = DepthwiseConv2d(taps=taps, bias=None, geometry=geometry, alpha=None)

    def run(xs: Sequence[Array], out: Array) -> Array:
        x = planes(xs[0]).astype(taps.dtype)
        if centre:
            x -= taps.dtype.type(centre)
        (sums,) = filters((x[None],))
        result = planes(out)
        for part, finish in finishers:
            finish(sums[0, part], result[part])
        return out

    return run


def _run(
    x: Array, kernel: Array, group: int, window: Window, *, centre: int, finish: Finish, out: Array
) -> None:
    count, depth = kernel.shape[:2]
    taps = kernel.reshape(count, depth, -1)
    for rows, columns in tiles(out.shape[1], out.shape[2], group * depth * taps.shape[2]):
        part = window.part(x, rows, columns).astype(kernel.dtype)
        if centre:
            part -= kernel.dtype.type(centre)
        size = (rows.stop - rows.start, columns.stop - columns.start)
        shifted = window.shifted(part, *size)
        if depth == 1 and count == group:
            acc = next(shifted) * taps[:, 0, 0, None, None]
            for tap, source in enumerate(shifted, start=1):
                acc += source * taps[:, 0, tap, None, None]
        elif taps.shape[2] == 1 and group == 1:
            acc = taps[:, :, 0] @ next(shifted).reshape(depth, -1)
        else:
            unfolded = np.stack(list(shifted), axis=1).reshape(group, depth * taps.shape[2], -1)
            acc = taps.reshape(group, count // group, -1) @ unfolded
        finish(acc.reshape(count, *size), out[:, rows, columns])


def maxpool(instruction: Instruction, inputs: Sequence[Value], output: Value) -> Kernel:
    """The largest of each window; what lies outside counts as -32768."""
    window = Window.of(instruction, instruction.ints["kernel"])

    def run(xs: Sequence[Array], out: Array) -> Array:
        x, result = window.padded(planes(xs[0]), -32768), planes(out)
        shifted = window.shifted(x, *result.shape[1:])
        result[...] = next(shifted)
        for source in shifted:
            np.maximum(result, source, out=result)
        return out

    return run
