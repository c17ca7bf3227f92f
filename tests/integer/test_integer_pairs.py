"""Products, quotients, sums, limits and roots, in both realisations, against fractions and Python integers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.integer import requant
from board_runner.integer.program import Instruction
from tests.integer.both import requantised, run

RNG = np.random.default_rng(23)
EDGES = np.array([-32768, -32767, -1, 0, 1, 2, 181, 32767], np.int16)
EVERY = np.arange(-32768, 32768).astype(np.int16)


def _one(op: str, *xs: Array, **ints: int) -> Array:
    values = {name: (number,) for name, number in ints.items()}
    return run(Instruction(op=op, inputs=tuple(range(len(xs))), output=9, ints=values), xs)


@pytest.mark.parametrize(("m", "s"), [((1 << 23) - 1, 38), ((1 << 31) - 1, 46), (1, 1), (77, 52)])
def test_products_of_two_values(m: int, s: int) -> None:
    """Every pair of extreme levels, through float64 and through integers; a column spreads over a row."""
    y = _one("mul", EDGES.reshape(-1, 1), EDGES, multiplier=m, shift=s)

    for i, a in enumerate(EDGES.tolist()):
        assert [requantised(a * b, m, s) for b in EDGES.tolist()] == y[i].tolist()


def test_quotients_are_the_nearest_level() -> None:
    """Ties up, signs as in arithmetic, and 0 divides as 1 does."""
    m, s = 5 << 20, 17
    y = _one("divide", EDGES.reshape(-1, 1), EDGES, multiplier=m, shift=s)

    for i, a in enumerate(EDGES.tolist()):
        exact = [Fraction(a * m, (b or 1) << s) for b in EDGES.tolist()]
        assert [max(-32768, min(32767, math.floor(q + Fraction(1, 2)))) for q in exact] == y[i].tolist()
    with pytest.raises(ModelError, match="shift above 45"):
        _one("divide", EDGES, EDGES, multiplier=1, shift=46)


@pytest.mark.parametrize(("m", "s"), [((1 << 31) - 1, 16), (3 << 20, 20), (1, 52)])
def test_square_roots_are_the_nearest_level(m: int, s: int) -> None:
    """Over every level: half the root of four times, ties up; 0 for what is negative."""
    y = _one("sqrt", EVERY, multiplier=m, shift=s)

    for x, got in zip(EVERY.tolist(), y.tolist(), strict=True):
        square = Fraction(max(x, 0) * m, 4 << s)  # of the exact root in levels
        if got < 32767:
            assert (2 * got - 1) ** 2 <= 4 * square or got == 0
            assert 4 * square < (2 * got + 1) ** 2


def test_a_line_between_two_limits() -> None:
    """Every level of a hard-sigmoid, against its real numbers; a bound above the other is refused."""
    unit, scale = 1 / 30000, 8 / 32768
    m, s = requant.fit(scale / 6 / unit, 1 << 15, requant.FLOAT_LIMIT)
    offset = round(0.5 / unit * 2**s) + (1 << (s - 1))
    y = _one("clip", EVERY, multiplier=m, shift=s, offset=offset, low=0, high=30000)

    real = np.clip(EVERY * scale / 6 + 0.5, 0, 1) / unit
    assert np.abs(y - real).max() <= 0.5 + 2**-5
    wanted = [max(0, min(30000, (x * m + offset) >> s)) for x in EDGES.tolist()]
    assert wanted == y[EDGES.astype(int) + 32768].tolist()
    with pytest.raises(ModelError, match="limits of a clip"):
        _one("clip", EVERY, multiplier=m, shift=s, offset=offset, low=1, high=0)


@pytest.mark.parametrize("flags", [(1, 0, 0), (0, 1, 1), (0, 0, 0), (1, 1, 1)])
def test_sums_over_axes(flags: tuple[int, ...]) -> None:
    """Any axes, kept with size 1: Python's sums; a multiplier that could overflow is refused."""
    x = RNG.choice(EDGES, (3, 4, 5))
    m, s = (1 << 31) - 1, 34
    ints = {"multiplier": (m,), "shift": (s,), "flags": flags}
    y = run(Instruction(op="sum", inputs=(0,), output=1, ints=ints), [x])

    kept = x.astype(object).sum(axis=tuple(i for i, flag in enumerate(flags) if flag), keepdims=True)
    assert [requantised(int(v), m, s) for v in kept.ravel()] == y.ravel().tolist()
    with pytest.raises(ModelError, match="passes 2\\^62"):
        ones = np.ones((1 << 16, 1, 1), np.int16)
        run(Instruction(op="sum", inputs=(0,), output=1, ints={**ints, "flags": (1, 1, 1)}), [ones])


def test_the_larger_of_two_and_the_difference() -> None:
    """Maxima spread as sums do; multipliers below 0 subtract and turn round."""
    column = EDGES.reshape(-1, 1)
    assert np.array_equal(np.maximum(column, EDGES), _one("max", column, EDGES))

    m, n, s = 3 << 20, -(5 << 19), 21
    less = {"multiplier": (m, n), "shift": (s,)}
    y = run(Instruction(op="add", inputs=(0, 1), output=2, ints=less), [column, EDGES])
    levels = EDGES.tolist()
    half = 1 << (s - 1)
    wanted = [[max(-32768, min(32767, (a * m + b * n + half) >> s)) for b in levels] for a in levels]
    assert wanted == y.tolist()
    turned = _one("scale", EVERY, multiplier=-3, shift=2)
    assert [requantised(x, -3, 2) for x in EVERY.tolist()] == turned.tolist()


def test_slices_are_those_of_numpy() -> None:
    """Begins, ends and steps on every axis, empty ones too."""
    x = RNG.integers(-32768, 32768, (4, 5, 6)).astype(np.int16)
    for begins, ends, steps in (((0, 1, 0), (4, 5, 6), (3, 2, 1)), ((1, 2, 3), (1, 4, 5), (1, 1, 4))):
        ints = {"begins": begins, "ends": ends, "steps": steps}
        y = run(Instruction(op="slice", inputs=(0,), output=1, ints=ints), [x])
        places = tuple(slice(*three) for three in zip(begins, ends, steps, strict=True))
        assert np.array_equal(x[places], y)
