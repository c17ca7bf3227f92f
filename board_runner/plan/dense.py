"""Dense 1-D convolution in tiles that stay in cache, with pad, activation and blur fused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from board_runner.plan.signal import Padding, activate, band, rows

TILE_BYTES = 1280 << 10
"""Working set of one tile: about a core's L2 cache. Smaller ones spend the time in calls."""
BLOCK = 16
"""Blurred outputs a row of the band product gives."""
SMALL_PRODUCT = 1_000_000
"""Multiplications up to which OpenBLAS skips the packing of its operands: for the few filters of the first
layers that is up to twice as fast."""
LEAST_COLUMNS = 256
"""Products narrower than this are not worth a call of their own."""


@dataclass(frozen=True, kw_only=True)
class Blur:
    """A filter common to all channels, over the activation's output, with a stride."""

    taps: Array
    stride: int
    padding: Padding


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """Buffers and sizes for one input shape."""

    index: Array
    length_conv: int
    length_out: int
    tile: int
    columns: Array
    y: Array
    spare: Array
    out: Array


class DenseConv1d:
    """x (batch, C, L), weights (M, C, k) -> blur(activation(conv(pad(x)) + bias)), stride 1 before the blur.

    A tile is unrolled into columns (k C + 1, tile), the last row of ones carrying the bias, and multiplied
    once; activation and blur run while it is in cache, so that the long conv output never reaches memory.
    """

    def __init__(
        self,
        *,
        weights: Array,
        bias: Array | None,
        dilation: int,
        padding: Padding,
        alpha: float | None,
        blur: Blur | None,
    ) -> None:
        m, self._channels, self._k = weights.shape
        bias = np.zeros(m, np.float32) if bias is None else bias
        unrolled = weights.transpose(0, 2, 1).reshape(m, -1)
        self._matrix = np.ascontiguousarray(np.concatenate([unrolled, bias[:, None]], axis=1))
        self._pointwise = np.ascontiguousarray(unrolled)
        self._bias = bias[:, None]
        self._dilation, self._padding, self._alpha, self._blur = dilation, padding, alpha, blur
        self._band = None if blur is None else band(blur.taps, BLOCK, blur.stride)
        self._shapes: dict[tuple[int, ...], _Shape] = {}

    def __call__(self, inputs: Sequence[Array | None]) -> Sequence[Array]:
        x = inputs[0]
        assert x is not None
        shape = self._shapes.get(x.shape)
        if shape is None:
            shape = self._shapes[x.shape] = self._prepare(x.shape)
        for n in range(x.shape[0]):
            for first in range(0, shape.length_out, shape.tile):
                last = min(first + shape.tile, shape.length_out)
                if self._blur is None:
                    self._convolve(x[n], shape, first, last, shape.out[n, :, first:last])
                else:
                    self._convolve_and_blur(x[n], shape, first, last, shape.out[n])
        return (shape.out[:, :, : shape.length_out],)

    def _prepare(self, shape: tuple[int, ...]) -> _Shape:
        batch, _, length = shape
        index = self._padding.index(length)
        length_conv = len(index) - self._dilation * (self._k - 1)
        m, height = self._matrix.shape
        stride, room, block, length_out = 1, 0, 1, length_conv
        if self._blur is not None:
            stride, block, room = self._blur.stride, BLOCK, len(self._blur.taps)
            padded = length_conv + self._blur.padding.left + self._blur.padding.right
            length_out = (padded - room) // stride + 1
        if min(length_conv, length_out) < 1:
            raise ValueError(f"{length} samples are too few for the filter")
        tile = TILE_BYTES // (4 * stride * (height + 2 * m))
        tile = min(max(tile // block, 8), -(-length_out // block)) * block
        n_columns = tile * stride + room
        return _Shape(
            index=index,
            length_conv=length_conv,
            length_out=length_out,
            tile=tile,
            columns=np.ones((height, n_columns), np.float32),
            y=np.zeros((m, n_columns), np.float32),
            spare=np.empty((m, n_columns), np.float32),
            out=np.empty((batch, m, -(-length_out // block) * block), np.float32),
        )

    def _convolve(self, x: Array, s: _Shape, first: int, last: int, y: Array) -> None:
        """activation(conv(pad(x)) + bias) at positions first to last, into y (M, last - first)."""
        n, k, d = last - first, self._k, self._dilation
        start = first - self._padding.left
        stop = start + n + d * (k - 1)
        source = x[:, start:stop] if start >= 0 and stop <= x.shape[1] else self._at_edge(x, s, first, last)
        if k == 1:
            _multiply(self._pointwise, source, y)
            y += self._bias
        else:
            columns = s.columns[:-1].reshape(k, self._channels, -1)
            step = source.strides[1]
            columns[:, :, :n] = np.lib.stride_tricks.as_strided(
                source, (k, self._channels, n), (d * step, source.strides[0], step)
            )
            _multiply(self._matrix, s.columns[:, :n], y)
        activate(y, self._alpha, s.spare[:, :n])

    def _at_edge(self, x: Array, s: _Shape, first: int, last: int) -> Array:
        index = s.index[first : last + self._dilation * (self._k - 1)]
        source = np.take(x, index, axis=1, mode="wrap")
        if self._padding.mode == "constant":
            source[:, index < 0] = 0.0
        return np.asarray(source)

    def _convolve_and_blur(self, x: Array, s: _Shape, first: int, last: int, out: Array) -> None:
        """Blurred outputs first to last, into out[:, first:last], rounded up to whole blocks."""
        blur, matrix = self._blur, self._band
        assert blur is not None and matrix is not None
        origin = first * blur.stride - blur.padding.left
        end = (last - 1) * blur.stride - blur.padding.left + len(blur.taps)
        start, stop = max(origin, 0), min(end, s.length_conv)
        self._convolve(x, s, start, stop, s.y[:, start - origin : stop - origin])
        self._extend(s, origin, end)
        n_rows = -(-(last - first) // BLOCK)
        width = len(matrix)
        windows = np.ascontiguousarray(rows(s.y, (n_rows, width), (BLOCK * blur.stride, 1)))
        product = windows.reshape(-1, width) @ matrix
        out[:, first : first + n_rows * BLOCK] = product.reshape(len(s.y), -1)

    def _extend(self, s: _Shape, origin: int, end: int) -> None:
        """Fill the columns of the tile that lie before or beyond the signal."""
        outside = [*range(origin, min(0, end)), *range(max(s.length_conv, origin), end)]
        if not outside:
            return
        assert self._blur is not None
        at = np.asarray(outside)
        if self._blur.padding.mode == "constant":
            s.y[:, at - origin] = 0.0
            return
        inside = self._blur.padding.index(s.length_conv)[at + self._blur.padding.left]
        s.y[:, at - origin] = s.y[:, inside - origin]


def _multiply(a: Array, b: Array, out: Array) -> None:
    """a @ b into out, in parts of few enough columns for the product to be a small one."""
    n = b.shape[1]
    step = SMALL_PRODUCT // a.size // 16 * 16
    if step < LEAST_COLUMNS:
        step = n
    for first in range(0, n, step):
        np.matmul(a, b[:, first : first + step], out=out[:, first : first + step])
