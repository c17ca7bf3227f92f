"""Windows over the spatial axes, shared by convolution and pooling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from board_runner.contract import Array
from board_runner.ops.base import Call


def per_axis(call: Call, name: str, rank: int, default: int = 1) -> list[int]:
    """A per-axis attribute, filled with `default` where the node leaves it out."""
    return [int(v) for v in call.attr(name) or [default] * rank]


def resolve_pads(
    call: Call, size: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[int]:
    """Pads in ONNX order (all begins, then all ends) from `auto_pad` or `pads`.

    SAME gives ceil(size / stride) outputs; an odd pad goes to the end (UPPER) or the begin (LOWER).
    """
    rank = len(kernel)
    mode = call.attr("auto_pad", "NOTSET")
    if mode == "NOTSET":
        return per_axis(call, "pads", 2 * rank, 0)
    if mode == "VALID":
        return [0] * (2 * rank)
    begins, ends = [], []
    for n, k, s, d in zip(size, kernel, strides, dilations, strict=True):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        small, large = total // 2, total - total // 2
        begins.append(large if mode == "SAME_LOWER" else small)
        ends.append(small if mode == "SAME_LOWER" else large)
    return begins + ends


def pad_spatial(x: Array, pads: Sequence[int], fill: float = 0.0) -> Array:
    """Pad the trailing axes of x (batch, channels, ...) with `fill`."""
    if not any(pads):
        return x
    rank = len(pads) // 2
    widths = [(0, 0), (0, 0), *zip(pads[:rank], pads[rank:], strict=True)]
    return np.pad(x, widths, constant_values=x.dtype.type(fill))


def windows(x: Array, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> Array:
    """View (batch, channels, *out, *kernel) of every window of a padded x; copies nothing."""
    rank = len(kernel)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(x, spans, axis=tuple(range(2, 2 + rank)))
    steps = [slice(None), slice(None)]
    steps += [slice(None, None, s) for s in strides]
    steps += [slice(None, None, d) for d in dilations]
    return view[tuple(steps)]
