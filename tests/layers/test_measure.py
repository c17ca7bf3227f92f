"""Errors of a layer: the formulas, and sums over clips."""

from __future__ import annotations

import math

import numpy as np
import pytest

from board_runner.contract import Array
from deployer.layers.measure import Errors, Sums


def _errors(*pairs: tuple[Array, Array]) -> Errors:
    sums = Sums()
    for candidate, reference in pairs:
        sums.add(candidate, reference)
    return sums.errors()


def test_the_figures_are_their_formulas() -> None:
    """Cosine, the vendor's RMSE, MSE and SQNR as numpy gives them in one line each."""
    rng = np.random.default_rng(0)
    b = rng.standard_normal((3, 700, 200)).astype(np.float32)  # more than one chunk
    a = (b + 0.05 * rng.standard_normal(b.shape)).astype(np.float32)
    x, y = a.astype(np.float64), b.astype(np.float64)

    errors = _errors((a, b))

    assert np.sum(x * y) / np.sqrt(np.sum(x**2) * np.sum(y**2)) == pytest.approx(errors.cosine, abs=1e-12)
    assert np.abs(x - y).sum() / np.abs(y).sum() == pytest.approx(errors.rmse, rel=1e-12)
    assert np.mean((x - y) ** 2) == pytest.approx(errors.mse, rel=1e-12)
    assert 10 * np.log10(np.sum(y**2) / np.sum((x - y) ** 2)) == pytest.approx(errors.sqnr_db, rel=1e-12)
    assert errors.noise_ratio == pytest.approx(np.sum((x - y) ** 2) / np.sum(y**2), rel=1e-12)


def test_clips_count_as_one_long_tensor() -> None:
    """Adding clip by clip, or merging their sums, is what joining them gives."""
    rng = np.random.default_rng(1)
    clips = [(rng.standard_normal(size), rng.standard_normal(size)) for size in (5, 500, 50)]
    joined = _errors((np.concatenate([a for a, _ in clips]), np.concatenate([b for _, b in clips])))

    merged = Sums()
    for a, b in clips:
        part = Sums()
        part.add(a, b)
        merged.merge(part)

    for found in (_errors(*clips), merged.errors()):
        assert vars(joined) == pytest.approx(vars(found))


def test_equal_tensors_are_equal_and_not_nearly_so() -> None:
    """Also those of zeros, where a cosine has no meaning."""
    for tensor in (np.ones(3, np.float32), np.zeros(3, np.float32)):
        assert Errors(cosine=1.0, rmse=0.0, mse=0.0, sqnr_db=math.inf) == _errors((tensor, tensor))


def test_what_has_no_meaning_is_none() -> None:
    """A reference of zeros, and a candidate that holds NaN."""
    nothing = _errors((np.ones(3), np.zeros(3)))
    broken = _errors((np.array([1.0, np.nan]), np.ones(2)))

    assert (None, None, 1.0, None) == (nothing.cosine, nothing.rmse, nothing.mse, nothing.sqnr_db)
    assert (None, None, None, None) == (broken.cosine, broken.rmse, broken.mse, broken.sqnr_db)
    assert math.isinf(nothing.noise_ratio)
