"""Windows over planes, in both realisations, against sums and maxima of Python integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.integer import convolution, requant
from board_runner.integer.program import Instruction
from tests.integer.both import requantised, run

RNG = np.random.default_rng(17)

WINDOWS = [
    # group, depth, kernel, stride, dilation, begins, ends
    (1, 3, (3, 2), (1, 1), (1, 1), (0, 0), (0, 0)),
    (6, 1, (3, 3), (2, 1), (1, 1), (1, 1), (1, 2)),
    (2, 2, (2, 3), (1, 2), (2, 1), (2, 0), (0, 3)),
    (1, 4, (1, 1), (1, 1), (1, 1), (0, 0), (0, 0)),
    (1, 4, (1, 1), (2, 3), (1, 1), (0, 1), (0, 0)),
    (1, 1, (7, 5), (2, 2), (1, 1), (4, 1), (5, 1)),
]


@pytest.mark.parametrize("op", ["conv8", "conv16"])
@pytest.mark.parametrize("window", WINDOWS)
def test_convolutions_of_planes(op: str, window: tuple[Any, ...]) -> None:
    """Extreme levels, groups, strides, dilations and uneven pads: the sums of Python integers."""
    group, depth, kernel, stride, dilation, begins, ends = window
    narrow, zero = op == "conv8", 37 if op == "conv8" else 0
    low, top = (0, 128) if narrow else (-32768, 32768)
    x = RNG.choice([low, low + 2 * top - 1, 5], (1, group * depth, 9, 8))
    weight = RNG.choice([1 - top, top - 1, 3], (6, depth, *kernel))
    m, s = requant.fit(1 / (top * depth * 5), 1 << (25 if narrow else 42))
    tensors: dict[str, Array] = {
        "weight": weight,
        "offset": np.full(6, 1 << (s - 1)) + np.arange(6) * m,
        "multiplier": np.full(6, m),
        "shift": np.full(6, s),
    }
    ints = {"stride": stride, "dilation": dilation, "group": (group,), "begins": begins, "ends": ends}
    levels = x.astype(np.uint8 if narrow else np.int16)
    y = run(Instruction(op=op, inputs=(0,), output=1, ints=ints, tensors=tensors), [levels], zero=zero)

    padded = np.pad(x[0], ((0, 0), *zip(begins, ends, strict=True)), constant_values=zero).tolist()
    taps = list(np.ndindex(depth, *kernel))
    for row, i, j in np.ndindex(*y.shape[1:]):
        base = row // (6 // group) * depth
        at = (i * stride[0], j * stride[1])
        acc = row + sum(
            padded[base + c][at[0] + k * dilation[0]][at[1] + n * dilation[1]] * int(weight[row, c, k, n])
            for c, k, n in taps
        )
        assert requantised(acc, m, s) == y[0, row, i, j]


@pytest.mark.parametrize("depth", [1, 16])
def test_tiles_of_planes_join_without_a_seam(depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the size of a tile, down to one place of the output, the levels are the same."""
    channels = 16
    x = RNG.integers(-32768, 32768, (1, channels, 11, 13)).astype(np.int16)
    ints = {"stride": (1, 2), "dilation": (1, 1), "begins": (1, 1), "ends": (1, 1)}
    grouped = {**ints, "group": (channels // depth,)}
    tensors: dict[str, Array] = {
        "weight": RNG.integers(-99, 99, (channels, depth, 3, 3)),
        "offset": np.full(channels, 1 << 9),
        "multiplier": np.full(channels, 3),
        "shift": np.full(channels, 10),
    }
    step = Instruction(op="conv16", inputs=(0,), output=1, ints=grouped, tensors=tensors)
    whole = run(step, [x])
    for elements in (1, 5 * 9 * channels, 40 * 9 * channels):
        monkeypatch.setattr(convolution, "TILE_ELEMENTS", elements)
        assert np.array_equal(whole, run(step, [x]))


def test_the_largest_of_each_window() -> None:
    """Pads never win, strides and dilations skip; a window of pads alone gives the lowest level."""
    x = RNG.integers(-32768, -30000, (1, 2, 6, 7)).astype(np.int16)
    two = {"stride": (2, 1), "dilation": (1, 2)}
    ints = {"kernel": (3, 2), **two, "begins": (1, 2), "ends": (0, 1)}
    y = run(Instruction(op="maxpool", inputs=(0,), output=1, ints=ints), [x])
    for c, i, j in np.ndindex(*y.shape[1:]):
        places = [(2 * i - 1 + k, j - 2 + 2 * n) for k in range(3) for n in range(2)]
        inside = [int(x[0, c, a, b]) for a, b in places if 0 <= a < 6 and 0 <= b < 7]
        assert max(inside, default=-32768) == y[0, c, i, j]

    line = {"kernel": (1,), "stride": (1,), "dilation": (1,), "begins": (1,), "ends": (0,)}
    y = run(Instruction(op="maxpool", inputs=(0,), output=1, ints=line), [x[:, :, 0]])
    assert (y[..., 0] == -32768).all() and np.array_equal(y[..., 1:], x[:, :, 0])


def test_an_endless_window_is_refused() -> None:
    """A kernel of millions of places would cost hours: a reader says no."""
    ints = {"kernel": (65, 64), "stride": (1, 1), "dilation": (1, 1), "begins": (0, 0), "ends": (0, 0)}
    with pytest.raises(ModelError, match="window of at most 4096"):
        run(Instruction(op="maxpool", inputs=(0,), output=1, ints=ints), [np.zeros((1, 1, 99, 99), np.int16)])
