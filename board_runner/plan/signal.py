"""What the fused 1-D convolutions share: pads by index, activation in place, filters as band matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array


@dataclass(frozen=True, kw_only=True)
class Padding:
    """Samples added on both sides of the last axis; `mode` as numpy's pad, constant meaning zeros."""

    left: int = 0
    right: int = 0
    mode: str = "constant"

    def index(self, length: int) -> Array:
        """For each padded position the sample that stands there, -1 for a zero."""
        where = np.arange(length)
        if self.mode == "constant":
            return np.pad(where, (self.left, self.right), constant_values=-1)
        return np.pad(where, (self.left, self.right), mode=self.mode)  # type: ignore[call-overload,no-any-return]


def activate(y: Array, alpha: float | None, spare: Array) -> None:
    """LeakyReLU in place as max(y, alpha y), for 0 <= alpha <= 1; None does nothing. Overwrites `spare`."""
    if alpha is None:
        return
    if alpha == 0.0:
        np.clip(y, np.float32(0), np.float32(np.inf), out=y)  # half the time of np.maximum with a number
        return
    np.multiply(y, np.float32(alpha), out=spare)
    np.maximum(y, spare, out=y)


def band(taps: Array, n_out: int, stride: int, bias: Array | None = None) -> Array:
    """The filters as matrices: (..., k) taps -> (..., (n_out - 1) stride + k [+ 1], n_out).

    A row of that many samples times the matrix gives `n_out` outputs at once. The zeros in it are cheap
    beside a pass over memory for each tap; a sample that is not finite spreads over its row, though.
    With `bias`, a last row that wants a sample of 1.
    """
    k = taps.shape[-1]
    width = (n_out - 1) * stride + k
    matrix = np.zeros((*taps.shape[:-1], width + (bias is not None), n_out), np.float32)
    for i in range(n_out):
        matrix[..., i * stride : i * stride + k, i] = taps
    if bias is not None:
        matrix[..., -1, :] = bias[..., None]
    return matrix


def rows(x: Array, counts: Sequence[int], steps: Sequence[int]) -> Array:
    """View (channels, *counts) of contiguous x (channels, n): axis i advances by steps[i] samples."""
    item = x.itemsize
    return np.lib.stride_tricks.as_strided(
        x, (x.shape[0], *counts), (x.strides[0], *(step * item for step in steps))
    )
