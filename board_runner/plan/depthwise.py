"""Depthwise 1-D convolution as one small matrix product a channel, with pad and activation fused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from board_runner.plan.signal import Padding, activate, band, rows

BLOCK = 32
"""Outputs a row of the product gives: longer wastes multiplications, shorter copies more overlap."""
GROUP_BYTES = 384 << 10
"""Working set of one group of channels, to stay within a core's L2 cache."""


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """Buffers and sizes for one input shape."""

    index: Array
    length_out: int
    n_rows: int
    block: int
    matrices: Array
    padded: Array
    windows: Array
    product: Array
    spare: Array
    out: Array


class DepthwiseConv1d:
    """x (batch, C, L) with taps (C, k) -> activation(conv(pad(x)) + bias), one filter a channel.

    A dilation d splits the samples into d phases, each filtered without dilation.
    """

    def __init__(
        self, *, taps: Array, bias: Array | None, dilation: int, padding: Padding, alpha: float | None
    ) -> None:
        self._taps = taps
        self._bias = np.zeros(len(taps), np.float32) if bias is None else bias
        self._dilation = dilation
        self._padding = padding
        self._alpha = alpha
        self._shapes: dict[tuple[int, ...], _Shape] = {}

    def __call__(self, inputs: Sequence[Array | None]) -> Sequence[Array]:
        x = inputs[0]
        assert x is not None
        shape = self._shapes.get(x.shape)
        if shape is None:
            shape = self._shapes[x.shape] = self._prepare(x.shape)
        group = len(shape.padded)
        for n in range(x.shape[0]):
            for first in range(0, x.shape[1], group):
                self._filter(x[n, first : first + group], shape, first, shape.out[n, first : first + group])
        return (shape.out[:, :, : shape.length_out],)

    def _prepare(self, shape: tuple[int, ...]) -> _Shape:
        batch, channels, length = shape
        k, d = self._taps.shape[1], self._dilation
        index = self._padding.index(length)
        length_out = len(index) - d * (k - 1)
        if length_out < 1:
            raise ValueError(f"{length} samples are too few for {k} taps at dilation {d}")
        per_phase = -(-length_out // d)
        n_rows = -(-per_phase // BLOCK)
        block = -(-per_phase // n_rows)
        width = block + k - 1
        room = d * (n_rows * block + k - 1)
        group = max(1, min(channels, GROUP_BYTES // (4 * (room + d * n_rows * (width + 1 + 2 * block)))))
        windows = np.ones((group, d, n_rows, width + 1), np.float32)
        return _Shape(
            index=index,
            length_out=length_out,
            n_rows=n_rows,
            block=block,
            matrices=band(self._taps, block, 1, self._bias),
            padded=np.zeros((group, room), np.float32),
            windows=windows,
            product=np.empty((group, d * n_rows, block), np.float32),
            spare=np.empty((group, d * n_rows, block), np.float32),
            out=np.empty((batch, channels, n_rows * block * d), np.float32),
        )

    def _filter(self, x: Array, s: _Shape, first: int, out: Array) -> None:
        count, d, left = len(x), self._dilation, self._padding.left
        padded, windows = s.padded[:count], s.windows[:count]
        padded[:, left : left + x.shape[1]] = x
        for edge in (slice(0, left), slice(left + x.shape[1], len(s.index))):
            if self._padding.mode != "constant" and edge.start < edge.stop:
                padded[:, edge] = x[:, s.index[edge]]
        width = windows.shape[-1] - 1
        windows[..., :width] = rows(padded, (d, s.n_rows, width), (1, s.block * d, d))
        product = s.product[:count]
        matrices = s.matrices[first : first + count]
        np.matmul(windows.reshape(count, d * s.n_rows, width + 1), matrices, out=product)
        activate(product, self._alpha, s.spare[:count])
        # Phases back into one line of samples.
        out.reshape(count, s.n_rows * s.block, d)[...] = product.reshape(count, d, -1).transpose(0, 2, 1)
