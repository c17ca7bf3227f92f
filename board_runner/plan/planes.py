"""2-D convolutions with pad and activation fused: dense and grouped by columns, depthwise by bands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from board_runner.ops.base import Call
from board_runner.ops.windows import resolve_pads
from board_runner.plan.signal import activate

COLUMN_BYTES = 1 << 20
"""Columns made at once: with weights and outputs about a core's L2 cache."""
GROUP_BYTES = 1 << 20
"""Working set of one group of channels of a depthwise convolution."""
BLOCK = 16
"""Outputs along a row that one product of a depthwise convolution gives: more wastes multiplications on the
zeros of its band, fewer copies more overlap."""


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """Kernel, stride, dilation and pads of a 2-D convolution, each (along height, along width).

    `attributes` are the node's: they decide the pads, which SAME makes depend on the input's size.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    attributes: Call

    def pads(self, size: Sequence[int]) -> list[int]:
        """Top, left, bottom, right for an input of that size."""
        return resolve_pads(self.attributes, size, self.kernel, self.strides, self.dilations)

    def out(self, size: Sequence[int]) -> tuple[int, int]:
        """Height and width of the output; raises ValueError where the kernel does not fit."""
        pads = self.pads(size)
        spans = [d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]
        height, width = (
            (size[i] + pads[i] + pads[2 + i] - spans[i]) // self.strides[i] + 1 for i in range(2)
        )
        if min(height, width) < 1:
            raise ValueError(f"a plane of {list(size)} is too small for the filter")
        return height, width


@dataclass(frozen=True, kw_only=True)
class _Dense:
    """Buffers for one input shape; `padded` is None where the input serves as it is."""

    padded: Array | None
    inner: tuple[slice, slice]
    size: tuple[int, int]
    columns: Array
    tile: int
    out: Array
    spare: Array


class DenseConv2d:
    """x (batch, C, H, W), weights (M, C / groups, kh, kw) -> activation(conv(pad(x)) + bias).

    Each tile of output rows is unrolled into columns and multiplied once; a 1 x 1 kernel needs no columns.
    """

    def __init__(
        self, *, weights: Array, bias: Array | None, groups: int, geometry: Geometry, alpha: float | None
    ) -> None:
        m = len(weights)
        self._matrices = np.ascontiguousarray(weights.reshape(groups, m // groups, -1))
        self._bias = None if bias is None or not bias.any() else bias.reshape(groups, m // groups, 1)
        self._groups, self._geometry, self._alpha = groups, geometry, alpha
        self._shapes: dict[tuple[int, ...], _Dense] = {}

    def __call__(self, inputs: Sequence[Array | None]) -> Sequence[Array]:
        x = inputs[0]
        assert x is not None
        s = self._shapes.get(x.shape)
        if s is None:
            s = self._shapes[x.shape] = self._prepare(x.shape)
        for n in range(x.shape[0]):
            plane = x[n]
            if s.padded is not None:
                s.padded[:, s.inner[0], s.inner[1]] = plane
                plane = s.padded
            out = s.out[n].reshape(self._groups, -1, s.size[0] * s.size[1])
            for first in range(0, s.size[0], s.tile):
                self._rows(plane, s, first, min(first + s.tile, s.size[0]), out)
        return (s.out,)

    def _prepare(self, shape: tuple[int, ...]) -> _Dense:
        batch, channels, height, width = shape
        g = self._geometry
        pads, (rows, columns) = g.pads((height, width)), g.out((height, width))
        each = math.prod(g.kernel) * channels
        tile = min(max(COLUMN_BYTES // (4 * each * columns), 1), rows)
        room = (channels, height + pads[0] + pads[2], width + pads[1] + pads[3])
        m = self._matrices.shape[0] * self._matrices.shape[1]
        return _Dense(
            padded=np.zeros(room, np.float32) if any(pads) else None,
            inner=(slice(pads[0], pads[0] + height), slice(pads[1], pads[1] + width)),
            size=(rows, columns),
            columns=np.empty((channels, *g.kernel, 0 if self._is_pointwise else tile * columns), np.float32),
            tile=tile,
            out=np.empty((batch, m, rows, columns), np.float32),
            spare=np.empty((self._groups, m // self._groups, tile * columns), np.float32),
        )

    @property
    def _is_pointwise(self) -> bool:
        return self._geometry.kernel == (1, 1) and self._geometry.strides == (1, 1)

    def _rows(self, plane: Array, s: _Dense, first: int, last: int, out: Array) -> None:
        """Output rows first to last, into their part of `out` (groups, M / groups, all positions)."""
        width, g = s.size[1], self._geometry
        count = (last - first) * width
        if self._is_pointwise:
            columns = plane.reshape(len(plane), -1)[:, first * width : last * width]
        else:
            c, h, w = plane.strides
            view = np.lib.stride_tricks.as_strided(
                plane[:, first * g.strides[0] :],
                (len(plane), *g.kernel, last - first, width),
                (c, h * g.dilations[0], w * g.dilations[1], h * g.strides[0], w * g.strides[1]),
            )
            columns = s.columns[..., :count]
            columns.reshape(view.shape)[...] = view
        y = out[:, :, first * width : last * width]
        np.matmul(self._matrices, columns.reshape(self._groups, -1, count), out=y)
        if self._bias is not None:
            y += self._bias
        activate(y, self._alpha, s.spare[:, :, :count])


@dataclass(frozen=True, kw_only=True)
class _Depthwise:
    """Buffers for one input shape, for as many channels as one group has."""

    padded: Array
    inner: tuple[slice, slice]
    source: Array
    target: Array
    windows: Array
    bands: Array
    spare: Array
    out: Array
    width: int


class DepthwiseConv2d:
    """x (batch, C, H, W), taps (C, kh, kw) -> activation(conv(pad(x)) + bias), one filter a channel, no dilation.

    A window of kh rows, times a band matrix of its channel's taps, gives a block of outputs in a row: BLAS does
    then what a pass over memory for each tap would, in the type of the taps. A sample that is not finite spreads
    over its block, though.
    """

    def __init__(self, *, taps: Array, bias: Array | None, geometry: Geometry, alpha: float | None) -> None:
        self._taps = taps
        self._bias = np.zeros(len(taps), taps.dtype) if bias is None else bias
        self._geometry, self._alpha = geometry, alpha
        self._shapes: dict[tuple[int, ...], _Depthwise] = {}

    def __call__(self, inputs: Sequence[Array | None]) -> Sequence[Array]:
        x = inputs[0]
        assert x is not None
        s = self._shapes.get(x.shape)
        if s is None:
            s = self._shapes[x.shape] = self._prepare(x.shape)
        group = len(s.padded)
        for n in range(x.shape[0]):
            for first in range(0, x.shape[1], group):
                self._filter(x[n, first : first + group], s, first, s.out[n, first : first + group])
        return (s.out[..., : s.width],)

    def _prepare(self, shape: tuple[int, ...]) -> _Depthwise:
        batch, channels, height, width = shape
        g = self._geometry
        (kh, kw), (sh, sw) = g.kernel, g.strides
        pads, (rows, columns) = g.pads((height, width)), g.out((height, width))
        blocks = -(-columns // BLOCK)
        block = -(-columns // blocks)
        span = (block - 1) * sw + kw
        line = max((blocks - 1) * block * sw + span, width + pads[1] + pads[3])
        tall = height + pads[0] + pads[2]
        needed = tall * line + rows * blocks * (kh * span + 1 + 2 * block)
        group = max(1, min(channels, GROUP_BYTES // (4 * needed)))
        padded = np.zeros((group, tall, line), self._taps.dtype)
        plane, item = padded.strides[0], padded.itemsize
        # The last column of ones carries the bias.
        windows = np.ones((group, rows * blocks, kh * span + 1), self._taps.dtype)
        source = np.lib.stride_tricks.as_strided(
            padded,
            (group, rows, blocks, kh, span),
            (plane, sh * line * item, block * sw * item, line * item, item),
        )
        # A window of the source, its rows one after the other, is one row of the product's left side.
        each, row, _ = windows.strides
        target = np.lib.stride_tricks.as_strided(
            windows, source.shape, (each, blocks * row, row, span * item, item)
        )
        return _Depthwise(
            padded=padded,
            inner=(slice(pads[0], pads[0] + height), slice(pads[1], pads[1] + width)),
            source=source,
            target=target,
            windows=windows,
            bands=self._bands(block, span, sw),
            spare=np.empty((group, rows * blocks, block), self._taps.dtype),
            out=np.empty((batch, channels, rows, blocks * block), self._taps.dtype),
            width=columns,
        )

    def _bands(self, block: int, span: int, stride: int) -> Array:
        """(C, kh span + 1, block): the taps, moved on by the stride from one column to the next; the bias."""
        channels, kh, kw = self._taps.shape
        bands = np.zeros((channels, kh * span + 1, block), self._taps.dtype)
        rows = bands[:, :-1].reshape(channels, kh, span, block)
        for i in range(block):
            rows[:, :, i * stride : i * stride + kw, i] = self._taps
        bands[:, -1] = self._bias[:, None]
        return bands

    def _filter(self, x: Array, s: _Depthwise, first: int, out: Array) -> None:
        count = len(x)
        s.padded[:count, s.inner[0], s.inner[1]] = x
        s.target[:count] = s.source[:count]
        product = out.reshape(count, *s.spare.shape[1:])  # blocks of a row lie one after the other: a view
        np.matmul(s.windows[:count], s.bands[first : first + count], out=product)
        activate(product, self._alpha, s.spare[:count])
