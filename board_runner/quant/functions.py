"""exp and the error function from additions, multiplications and divisions of float64 alone.

A C library may differ from another in the last bit of exp or erf, and tables made from them would differ
by machine. These are built of operations that IEEE 754 rounds alike everywhere, in a stated order.
"""

from __future__ import annotations

import math

import numpy as np

from board_runner.contract import Array

LN2_HIGH, LN2_LOW = float.fromhex("0x1.62e42fee00000p-1"), float.fromhex("0x1.a39ef35793c76p-33")
"""ln 2 in two parts: k times the first is exact for small k."""

TERMS_EXP = 20
TERMS_ERF = 120
SQRT_PI = float.fromhex("0x1.c5bf891b4ef6bp+0")


def exp(x: Array) -> Array:
    """e^x of float64 at most 0: k = nearest(x / ln 2), then 20 terms of the series of x - k ln 2."""
    k = np.rint(x / (LN2_HIGH + LN2_LOW))
    rest = (x - k * LN2_HIGH) - k * LN2_LOW
    total = np.ones_like(rest)
    for n in range(TERMS_EXP, 0, -1):
        total = 1.0 + (rest * total) / n
    return np.asarray(np.ldexp(total, np.maximum(k, -1100).astype(np.int64)))


def erf(x: Array) -> Array:
    """The error function of float64, within 2e-15: a series of positive terms.

    erf x = 2 / sqrt(pi) e^(-x^2) sum over n of 2^n x^(2n+1) / (1 3 5 .. (2n+1)), Abramowitz and Stegun 7.1.6,
    summed from n = 0 up to 120; 1 beyond 6.
    """
    size = np.abs(x)
    inside = np.minimum(size, 6.0)
    term = np.array(inside)
    total = np.array(inside)
    for n in range(1, TERMS_ERF + 1):
        term = (term * (2.0 * inside * inside)) / (2 * n + 1)
        total = total + term
    value = (2.0 / SQRT_PI) * exp(-(inside * inside)) * total
    return np.asarray(np.copysign(np.where(size >= 6.0, 1.0, value), x))


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x) of float64, by e to a negative number on either side."""
    power = exp(-np.abs(x))
    return np.asarray(np.where(x < 0, power, 1.0) / (1.0 + power))


def tanh(x: Array) -> Array:
    """(1 - e^-2|x|) / (1 + e^-2|x|) of float64, with the sign of x."""
    power = exp(-2.0 * np.abs(x))
    return np.asarray(np.copysign((1.0 - power) / (1.0 + power), x))


def gelu(x: Array) -> Array:
    """x (1 + erf(x / sqrt 2)) / 2 of float64."""
    return np.asarray(0.5 * x * (1.0 + erf(x / math.sqrt(2.0))))
