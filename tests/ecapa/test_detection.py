"""Error rates and figures of scores: against scikit-learn, against their definitions, on trials worked by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from board_runner.errors import InputError
from deployer.metrics import detection
from deployer.metrics.detection import Trials
from tests.ecapa.scores import scored

REFERENCES = json.loads(Path(__file__).with_name("references.json").read_text(encoding="utf-8"))


def _trials(targets: list[float], others: list[float]) -> Trials:
    return Trials(
        scores=np.asarray([*targets, *others], np.float64),
        target=np.asarray([True] * len(targets) + [False] * len(others)),
    )


def test_the_figures_are_scikit_learns() -> None:
    """600 scores with many equal ones: area, equal error rate and best point as computed there."""
    scores, target = scored()
    found = detection.curve(Trials(scores=scores, target=target))
    best = detection.best_point(found)
    assert detection.roc_auc(found) == pytest.approx(REFERENCES["roc_auc"], abs=1e-12)
    assert detection.equal_error_rate(found) == pytest.approx(REFERENCES["equal_error_rate"], abs=2e-6)
    assert best.hit_rate + best.rejection_rate - 1 == pytest.approx(REFERENCES["youden"], abs=1e-12)


SCORES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=12)


@given(targets=SCORES, others=SCORES)
@settings(max_examples=150, deadline=None)
def test_the_area_is_the_share_of_pairs_in_order(targets: list[float], others: list[float]) -> None:
    """Mann and Whitney's count over all pairs, equal scores half; the order of the trials does not count."""
    found = detection.curve(_trials(targets, others))
    wanted = np.mean([(t > o) + 0.5 * (t == o) for t in targets for o in others])
    assert detection.roc_auc(found) == pytest.approx(wanted)
    again = detection.curve(_trials(targets[::-1], others[::-1]))
    assert np.array_equal(found.miss, again.miss)


@given(targets=SCORES, others=SCORES)
@settings(max_examples=150, deadline=None)
def test_rates_are_what_counting_gives(targets: list[float], others: list[float]) -> None:
    """At every threshold of the curve, misses and false alarms counted one by one; and the curve's ends."""
    found = detection.curve(_trials(targets, others))
    for threshold, miss, alarm in zip(found.thresholds, found.miss, found.false_alarm, strict=True):
        assert miss == pytest.approx(np.mean([t < threshold for t in targets]))
        assert alarm == pytest.approx(np.mean([o >= threshold for o in others]), abs=1e-12)
    assert (found.miss[0], found.false_alarm[0], found.miss[-1]) == (0, 1, 1)
    rate = detection.equal_error_rate(found)
    assert 0 <= rate <= 1
    assert 0 <= detection.min_detection_cost(found) <= 1


@pytest.mark.parametrize(
    ("targets", "others", "area", "rate", "cost"),
    [
        ([2, 3], [0, 1], 1.0, 0.0, 0.0),
        ([0, 1], [2, 3], 0.0, 1.0, 1.0),
        ([1, 1], [1, 1], 0.5, 0.5, 1.0),
        ([1, 3], [0, 2], 0.75, 0.5, 0.5),  # above 2: one of two missed, no false alarm
        ([1, 2, 3, 4], [0, 0, 0, 1.5], 0.9375, 0.25, 0.25),
    ],
)
def test_trials_worked_by_hand(
    targets: list[float], others: list[float], area: float, rate: float, cost: float
) -> None:
    """Told apart, upside down, all equal, and in between."""
    found = detection.curve(_trials(targets, others))
    assert detection.roc_auc(found) == pytest.approx(area)
    assert detection.equal_error_rate(found) == pytest.approx(rate)
    assert detection.min_detection_cost(found) == pytest.approx(cost)


def test_the_cost_is_weighed_by_prior_and_prices() -> None:
    """Miss 1/2 and false alarm 0, or 0 and 1/2, whichever is cheaper; by the cheaper constant answer."""
    found = detection.curve(_trials([1, 3], [0, 2]))
    assert detection.min_detection_cost(found, target_prior=0.5) == pytest.approx(0.5)
    assert detection.min_detection_cost(found, target_prior=0.9) == pytest.approx(0.5)
    assert detection.min_detection_cost(found, target_prior=0.5, false_alarm_cost=4) == pytest.approx(0.5)
    with pytest.raises(InputError, match="prior"):
        detection.min_detection_cost(found, target_prior=1.0)


@pytest.mark.parametrize(
    ("scores", "target", "fault"),
    [
        ([1.0, 2.0], [True, True], "2 target trials of 2"),
        ([1.0, np.nan], [True, False], "not finite"),
        ([1.0], [True, False], "one truth value each"),
    ],
)
def test_what_are_no_trials_is_said(scores: list[float], target: list[bool], fault: str) -> None:
    """One kind alone, no number, unequal lengths."""
    values: dict[str, Any] = {"scores": np.asarray(scores), "target": np.asarray(target)}
    with pytest.raises(InputError, match=fault):
        Trials(**values)
