"""Flips, agreement, spread of errors: against numpy and published values."""

from __future__ import annotations

import numpy as np
import pytest

from deployer.comparison.decisions import Decided, agreement, decided, flips, interval
from deployer.comparison.distribution import ErrorHistogram, quantiles


def test_a_decision_is_the_first_largest_and_its_lead() -> None:
    """Ties lead by nothing; one score alone leads nobody."""
    assert Decided(class_id=1, margin=0.5) == decided(np.array([[1.0, 2.5, 2.0]]))
    assert Decided(class_id=0, margin=0.0) == decided(np.array([3.0, 3.0]))
    assert Decided(class_id=0) == decided(np.array([7.0]))


def test_flips_come_closest_first_with_both_leads_and_the_truth() -> None:
    """What was nearest to turning is listed first."""
    wanted = {c: Decided(class_id=0, margin=m) for c, m in (("a", 0.9), ("b", 0.1), ("c", 0.5))}
    given = {**{c: Decided(class_id=2, margin=0.3) for c in ("a", "b")}, "c": Decided(class_id=0, margin=0.1)}
    found = flips(wanted, given, {"a": 2})

    assert ["b", "a"] == [flip.clip for flip in found]
    assert (2, None) == (found[1].target, found[0].target)


def test_agreement_counts_every_pair_and_the_truth() -> None:
    """Over the clips that all have."""
    stages = [
        ("x", {"a": Decided(class_id=1), "b": Decided(class_id=2), "only": Decided(class_id=0)}),
        ("y", {"a": Decided(class_id=1), "b": Decided(class_id=0)}),
        ("z", {"a": Decided(class_id=0), "b": Decided(class_id=0)}),
    ]
    found = agreement(stages, {"a": 1, "only": 0})

    assert 2 == found.clips and 1 == found.known
    assert ((2, 1, 0), (1, 2, 1), (0, 1, 2)) == found.counts
    assert (1, 1, 0) == found.right


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)],
)
def test_the_interval_is_wilsons(hits: int, of: int, low: float, high: float) -> None:
    """The examples of Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I."""
    assert (low, high) == pytest.approx(interval(hits, of), abs=5e-4)


def test_the_spread_is_within_a_bin_of_numpys_quantiles() -> None:
    """Over ten decades, tensor after tensor; zeros and the largest are exact."""
    rng = np.random.default_rng(3)
    errors = 10.0 ** rng.uniform(-9, 1, 20000) * rng.choice([-1, 1], 20000)
    errors[:4000] = 0
    histogram = ErrorHistogram()
    for part in np.split(errors, 40):
        histogram.add(part)
    spread = histogram.spread()

    assert (20000, 4000) == (spread.elements, spread.zero)
    assert spread.largest == np.abs(errors).max() == spread.quantiles["1"]
    for name, value in spread.quantiles.items():
        exact = float(np.quantile(np.abs(errors), float(name), method="inverted_cdf"))
        assert exact <= value * 1.0000001 and value <= exact * 10 ** (1 / 20) * 1.0000001


def test_broken_numbers_count_as_the_largest() -> None:
    """NaN and infinity are not lost."""
    histogram = ErrorHistogram()
    histogram.add(np.array([np.nan, np.inf, 0.1]))

    assert np.isinf(histogram.spread().largest)


def test_quantiles_over_clips_are_numpys() -> None:
    """Least, quartiles, largest."""
    assert {"min": 1.0, "p25": 2.0, "median": 3.0, "p75": 4.0, "max": 5.0} == quantiles([5, 1, 2, 4, 3])
