"""Both realisations of every instruction against Python integers, which neither round nor overflow."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.integer import exact, memory, requant
from board_runner.integer.dense import isqrt
from board_runner.integer.engine import IntegerEngine
from board_runner.integer.program import Instruction, Program
from tests.integer.both import requantised, run
from tests.integer.programs import LENGTH, every_op, every_plane_op

RNG = np.random.default_rng(7)


def test_requantisation_in_floats_is_the_integer_formula() -> None:
    """float64, int64 and Python integers agree, ties and negative numbers included."""
    for _ in range(300):
        bound = 1 << int(RNG.integers(1, 26))
        m, s = requant.fit(float(10 ** RNG.uniform(-7, 1)), bound, requant.FLOAT_LIMIT)
        acc = RNG.integers(-bound, bound + 1, 50)
        acc[:2] = -bound, bound
        if m:
            acc[2] = min(bound, (1 << (s - 1)) // m)
        wanted = [(int(a) * m + (1 << (s - 1))) >> s for a in acc]
        multiplier, shift = np.asarray(m), np.asarray(s)
        assert wanted == requant.by_int(acc, multiplier, shift).tolist()
        assert wanted == requant.by_float(acc.astype(np.float64), multiplier, shift).tolist()
    assert [-1, 0, 1, 2] == requant.by_float(
        np.array([-3.0, -1, 1, 3]), np.asarray(1), np.asarray(1)
    ).tolist()


def test_scales_too_far_apart_are_refused() -> None:
    """A ratio that no multiplier holds is an error, not a wrong number."""
    with pytest.raises(ModelError, match="too far apart"):
        requant.fit(1e12, 1 << 15)


@pytest.mark.parametrize("op", ["conv8", "conv16"])
@pytest.mark.parametrize(
    ("group", "depth", "taps", "stride", "dilation", "pads"),
    [
        (1, 3, 5, 1, 1, (0, 0)),
        (6, 1, 3, 2, 1, (1, 2)),
        (2, 2, 3, 1, 3, (3, 3)),
        (1, 300, 5, 1, 1, (0, 0)),
        (1, 4, 1, 1, 1, (0, 0)),
        (1, 4, 1, 2, 1, (0, 0)),
    ],
)
def test_convolutions(
    *, op: str, group: int, depth: int, taps: int, stride: int, dilation: int, pads: tuple[int, int]
) -> None:
    """Extreme levels, groups, strides, dilation and pads: the sums of Python integers."""
    narrow, zero = op == "conv8", 37 if op == "conv8" else 0
    low, high = (0, 256) if narrow else (-32768, 32768)
    top = 128 if narrow else 32768
    x = RNG.choice([low, high - 1, 5], (1, group * depth, 14)).astype(np.uint8 if narrow else np.int16)
    weight = RNG.choice([-top + 1, top - 1, 3], (6, depth, taps)).astype(np.int8 if narrow else np.int16)
    bias = RNG.integers(-(1 << 20), 1 << 20, 6)
    pairs = [requant.fit(1 / (top * (i + 3) * depth), 1 << (25 if narrow else 42)) for i in range(6)]
    m, s = [p for p, _ in pairs], [q for _, q in pairs]
    tensors: dict[str, Array] = {
        "weight": weight,
        "offset": np.array([1 << (t - 1) for t in s]) + bias * np.array(m),
        "multiplier": np.array(m),
        "shift": np.array(s),
    }
    ints = {
        "stride": (stride,),
        "dilation": (dilation,),
        "group": (group,),
        "begins": pads[:1],
        "ends": pads[1:],
    }
    y = run(Instruction(op=op, inputs=(0,), output=1, ints=ints, tensors=tensors), [x], zero=zero)

    padded = np.pad(x[0], ((0, 0), pads), constant_values=zero).astype(int).tolist()
    for row in range(6):
        base = row // (6 // group) * depth
        for column in range(y.shape[2]):
            acc = int(bias[row]) + sum(
                padded[base + c][column * stride + k * dilation] * int(weight[row, c, k])
                for c in range(depth)
                for k in range(taps)
            )
            assert requantised(acc, m[row], s[row]) == y[0, row, column]


def test_a_long_convolution_is_the_same_in_tiles() -> None:
    """Tiles join without a seam, with strides and dilation."""
    x = RNG.integers(0, 256, (1, 64, 9001)).astype(np.uint8)
    weight = RNG.integers(-127, 128, (4, 64, 3)).astype(np.int8)
    tensors: dict[str, Array] = {
        "weight": weight,
        "offset": np.full(4, 1 << 23),
        "multiplier": np.full(4, 1 << 20),
        "shift": np.full(4, 24),
    }
    ints = {"stride": (2,), "dilation": (2,), "group": (1,), "begins": (0,), "ends": (0,)}
    y = run(Instruction(op="conv8", inputs=(0,), output=1, ints=ints, tensors=tensors), [x])

    view = np.lib.stride_tricks.sliding_window_view(x[0].astype(np.int64), 5, axis=1)[:, ::2, ::2]
    acc = np.einsum("clk,mck->ml", view, weight.astype(np.int64))
    assert np.array_equal(np.clip((acc + 8) >> 4, -32768, 32767), y[0])


def test_linear_and_matmul() -> None:
    """int16 by int16 at both ends of the range."""
    a = RNG.choice([-32768, 32767, 11], (2, 3, 512)).astype(np.int16)
    b = RNG.choice([-32767, 32767, -5], (512, 4)).astype(np.int16)
    bias, (m, s) = RNG.integers(-(1 << 35), 1 << 35, 4), requant.fit(1e-8, 1 << 40)
    acc = (a.astype(object) @ b.astype(object)).tolist()
    tensors: dict[str, Array] = {
        "weight": b,
        "offset": (1 << (s - 1)) + bias * m,
        "multiplier": np.full(4, m),
        "shift": np.full(4, s),
    }
    y = run(Instruction(op="linear", inputs=(0,), output=1, tensors=tensors), [a])
    wanted = [[[requantised(v + int(c), m, s) for v, c in zip(r, bias, strict=True)] for r in p] for p in acc]
    assert wanted == y.tolist()

    ints = {"multiplier": (m,), "shift": (s,)}
    y = run(Instruction(op="matmul", inputs=(0, 1), output=2, ints=ints), [a, np.stack([b, b])])
    assert [[[requantised(v, m, s) for v in r] for r in p] for p in acc] == y.tolist()


def test_elementwise() -> None:
    """Scale, slope and narrowing over every level; adding at both ends."""
    x = np.arange(-32768, 32768).astype(np.int16)
    (m, s), (n, t) = requant.fit(1.3, 1 << 15), requant.fit(0.26, 1 << 15)
    one = {"multiplier": (m,), "shift": (s,)}
    two = {"multiplier": (m, n), "shift": (s, t)}
    levels = x.tolist()

    scaled = run(Instruction(op="scale", inputs=(0,), output=1, ints=one), [x])
    assert [requantised(v, m, s) for v in levels] == scaled.tolist()
    leaky = run(Instruction(op="leaky", inputs=(0,), output=1, ints=two), [x])
    assert [requantised(v, m, s) if v >= 0 else requantised(v, n, t) for v in levels] == leaky.tolist()
    small = {"multiplier": (3,), "shift": (9,)}
    narrow = run(Instruction(op="narrow", inputs=(0,), output=1, ints=small), [x], out_zero=100)
    assert [max(0, min(255, ((v * 3 + 256) >> 9) + 100)) for v in levels] == narrow.tolist()

    m, n, s = 1 << 29, 3 << 28, 30
    ints = {"multiplier": (m, n), "shift": (s,)}
    y = run(Instruction(op="add", inputs=(0, 1), output=2, ints=ints), [x, x[::-1].copy()])
    pairs = zip(levels, levels[::-1], strict=True)
    half = 1 << (s - 1)
    assert [max(-32768, min(32767, (a * m + b * n + half) >> s)) for a, b in pairs] == y.tolist()


def test_float_inputs_are_quantised_by_single_operations() -> None:
    """Division, ties to even, saturation; NaN is 0."""
    x = np.array([0.5, 1.5, -2.5, 1e30, -np.inf, np.nan, 32766.6], np.float32)
    y = run(Instruction(op="quantize", inputs=(0,), output=1), [x])

    assert [0, 2, -2, 32767, -32768, 0, 32767] == y.tolist()


def test_softmax_is_its_integer_formula() -> None:
    """Tables of 30 bits, one division, probabilities that sum to one within rounding."""
    scale, x = 3e-4, RNG.integers(-32768, 32768, (4, 113)).astype(np.int16)
    tables = {
        name: np.array([round(math.exp(-i * step * scale) * 2**30) for i in range(256)])
        for name, step in (("high", 256), ("low", 1))
    }
    y = run(Instruction(op="softmax", inputs=(0,), output=1, tensors=tables), [x])

    for row, got in zip(x.tolist(), y.tolist(), strict=True):
        d = [max(row) - v for v in row]
        e = [(int(tables["high"][v >> 8]) * int(tables["low"][v & 255]) + (1 << 29)) >> 30 for v in d]
        assert [min(32767, ((v << 15) + (sum(e) >> 1)) // sum(e)) for v in e] == got
        true = np.exp(-np.array(d) * scale)
        assert np.abs(np.array(got) / 2**15 - true / true.sum()).max() < 2**-15


def test_integer_square_roots() -> None:
    """The root is the floor at squares and next to them, up to 2^62."""
    roots = [*range(100), *(int(v) for v in RNG.integers(0, 1 << 31, 2000)), (1 << 31) - 1]
    values = [max(0, r * r + d) for r in roots for d in (-1, 0, 1)]

    assert [math.isqrt(v) for v in values] == isqrt(np.array(values)).tolist()


@pytest.mark.parametrize("spread", [1, 300, 32767])
def test_layernorm_is_its_formula_and_near_the_real_one(spread: int) -> None:
    """Python integers give the same levels; reals the same within one level."""
    n, shift, epsilon, unit = 64, 48, 1234, 1 / 4096
    x = RNG.integers(-spread, spread + 1, (5, n)).astype(np.int16)
    gain, offset = RNG.uniform(0.5, 2, n), RNG.uniform(-1, 1, n)
    gains = np.rint(gain * math.sqrt(n) / unit * 2 ** (shift - 30)).astype(np.int64) >> 4
    offsets = np.rint(offset / unit * 2**shift).astype(np.int64) >> 4
    ints, tensors = {"shift": (shift - 4,), "epsilon": (epsilon,)}, {"gain": gains, "offset": offsets}
    y = run(Instruction(op="layernorm", inputs=(0,), output=1, ints=ints, tensors=tensors), [x])

    for row, got in zip(x.tolist(), y.tolist(), strict=True):
        d = [n * v - sum(row) for v in row]
        v = sum(c * c for c in d) + epsilon
        t = (62 - v.bit_length()) // 2
        root = math.isqrt(v << (2 * t))
        z = [((c << (t + 30)) + (root >> 1)) // root for c in d]
        wanted = [
            requantised(a * int(g) + int(b), 1, shift - 4) for a, g, b in zip(z, gains, offsets, strict=True)
        ]
        assert wanted == got
        real = np.array(d) * math.sqrt(n) / math.sqrt(v) * gain + offset
        assert np.abs(np.array(got) - np.clip(real / unit, -32768, 32767)).max() <= 1


def test_a_curve_is_straight_between_its_knots() -> None:
    """Every level, against fractions; at the knots the curve is the knot."""
    knots = RNG.integers(-(1 << 23), 1 << 23, 1025)
    x = np.arange(-32768, 32768).astype(np.int16)
    y = run(Instruction(op="curve", inputs=(0,), output=1, tensors={"knots": knots}), [x])

    for level in range(-32768, 32768, 11):
        place, part = divmod(level + 32768, 64)
        between = Fraction(int(knots[place]) * (64 - part) + int(knots[place + 1]) * part, 64 * 256)
        assert max(-32768, min(32767, math.floor(between + Fraction(1, 2)))) == y[level + 32768]


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("pads", [((0, 0, 3), (0, 0, 5)), ((0, 2, 0), (0, 1, 0)), ((0, 1, 2), (0, 0, 1))])
def test_padding_is_that_of_numpy(mode: int, pads: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """On one axis, the last or another, and on two."""
    x = RNG.integers(-32768, 32768, (1, 4, 6)).astype(np.int16)
    ints = {"mode": (mode,), "begins": pads[0], "ends": pads[1]}
    y = run(Instruction(op="pad", inputs=(0,), output=1, ints=ints), [x])

    widths = list(zip(*pads, strict=True))
    wanted = np.pad(x, widths, mode="reflect") if mode else np.pad(x, widths)
    assert np.array_equal(wanted, y)


@pytest.mark.parametrize("make", [every_op, every_plane_op])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1 << 30), gain=st.floats(1e-3, 1e4))
def test_both_realisations_agree_on_whole_programs(
    make: Callable[[int], Program], seed: int, gain: float
) -> None:
    """Random constants and inputs, saturating ones too: the same int16 everywhere, in one arena or not."""
    program = make(seed)
    clip = {"x": (gain * np.random.default_rng(seed).standard_normal((1, 2, LENGTH))).astype(np.float32)}
    fast = IntegerEngine(program, plan=memory.plan(program)).run_raw(clip)
    plain = IntegerEngine(program, prepare=exact.prepare).run_raw(clip)

    assert all(np.array_equal(fast[name], plain[name]) for name in fast)
