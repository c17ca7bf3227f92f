"""The error function, without scipy."""

from __future__ import annotations

import math

import numpy as np

from board_runner.contract import Array

_LIMIT = 3.92
# x * P(x^2) / Q(x^2) on |x| <= 3.92, where erf reaches 1 to float32. The rational minimax form is that of
# W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969); here one
# interval is enough for float32, and the coefficients are a weighted least-squares fit to `math.erf` of
# relative error 1.9e-8 (lowest power first).
_P = (
    1.1283791461576655,
    0.1904057355239433,
    0.05274863884400647,
    0.003765589714691378,
    0.00028488279652329586,
    2.050101186471233e-06,
)
_Q = (
    1.0,
    0.5020754305763739,
    0.11410882091108854,
    0.014969160576542392,
    0.0011625302443381762,
    3.8091864578131525e-05,
)

_exact = np.frompyfunc(math.erf, 1, 1)


def erf(x: Array) -> Array:
    """Element-wise erf, in the type of x: within 5e-7 of the truth for float32, exact for float64."""
    if x.dtype == np.float64:
        return np.asarray(_exact(x), np.float64)
    z = np.clip(x, np.float32(-_LIMIT), np.float32(_LIMIT)).astype(np.float32, copy=False)
    t = np.square(z)
    top = np.multiply(_polynomial(_P, t), z)
    ratio = np.divide(top, _polynomial(_Q, t))
    return np.asarray(np.clip(ratio, np.float32(-1), np.float32(1))).astype(x.dtype, copy=False)


def _polynomial(coefficients: tuple[float, ...], t: Array) -> Array:
    """Horner's rule in float32, in place: memory traffic is what this costs."""
    y = np.asarray(t * np.float32(coefficients[-1]))
    for c in coefficients[-2:0:-1]:
        y += np.float32(c)
        y *= t
    y += np.float32(coefficients[0])
    return y
