"""A classifier's figures against their definitions, counted by hand or in plain numpy over all answers at once."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from deployer.evaluation.answers import ClassOnly, Scores
from deployer.evaluation.class_figures import ClassFigures, ClassTally
from deployer.evaluation.dataset import Clip

LABELS = ("cat", "dog", "owl")


def _clip(number: int) -> Clip:
    return Clip(path=Path(f"/set/{number:03d}.wav"), name=f"{number:03d}.wav", truth="")


def _of(pairs: list[tuple[int, int]]) -> ClassFigures:
    tally = ClassTally(3)
    for number, (target, said) in enumerate(pairs):
        tally.add(_clip(number), target, ClassOnly(class_id=said))
    return tally.figures(LABELS)


def test_precision_recall_and_f1_of_a_case_by_hand() -> None:
    """Six clips: cat 2 of 3 right, dog 1 of 2, owl has none of its own and gets one, one clip is nobody's."""
    found = _of([(0, 0), (0, 0), (0, 1), (1, 1), (1, 2)])
    rows = {row.label: (row.clips, row.said, row.precision, row.recall, row.f1) for row in found.classes}

    assert {
        "0 cat": (3, 2, 1.0, 2 / 3, 0.8),
        "1 dog": (2, 2, 0.5, 0.5, 0.5),
        "2 owl": (0, 1, 0.0, None, 0.0),
    } == rows
    assert (3 / 5, {1: 3 / 5}) == (found.accuracy, found.top)
    assert 0.65 == pytest.approx(found.macro_f1)  # owl has no clip, so no part in it
    assert {0: {0: 2, 1: 1}, 1: {1: 1, 2: 1}} == found.confusion
    assert found.calibration is None
    assert ["002.wav", "004.wav"] == [worst.clip for worst in found.worst]


def _random(count: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    scores = rng.normal(0, 2, (count, classes)).astype(np.float32).round(1)  # rounded: some are equal
    return scores, rng.integers(0, classes, count)


def _scored(scores: np.ndarray, targets: np.ndarray, worst: int = 20) -> ClassFigures:
    tally = ClassTally(scores.shape[1], worst=worst)
    for number, (row, target) in enumerate(zip(scores, targets, strict=True)):
        tally.add(_clip(number), int(target), Scores(values=row))
    return tally.figures(())


def test_a_stream_of_answers_comes_to_what_all_at_once_do() -> None:
    """Accuracy, top 5, log loss and every count of the matrix, by numpy over 400 clips of 10 classes."""
    scores, targets = _random(400, 10)
    found = _scored(scores, targets)
    order = np.argsort(-scores, axis=1, kind="stable")
    hits = order == targets[:, None]
    shares = np.exp(scores.astype(float)) / np.exp(scores.astype(float)).sum(axis=1, keepdims=True)
    matrix = np.zeros((10, 10), int)
    np.add.at(matrix, (targets, order[:, 0]), 1)

    assert hits[:, 0].mean() == found.accuracy == found.top[1]
    assert hits[:, :5].any(axis=1).mean() == found.top[5]
    assert found.calibration is not None
    assert -np.log(shares[np.arange(400), targets]).mean() == pytest.approx(found.calibration.log_loss)
    assert matrix.tolist() == [[found.confusion[t].get(s, 0) for s in range(10)] for t in range(10)]


def test_the_calibration_error_of_a_case_by_hand() -> None:
    """Two clips at 0.9, one right; one at 0.7, right: (2 |0.5 - 0.9| + 1 |1 - 0.7|) / 3."""
    found = _scored(np.log(np.array([[0.9, 0.1], [0.1, 0.9], [0.7, 0.3]], np.float32)), np.array([0, 0, 0]))

    assert found.calibration is not None
    assert 1.1 / 3 == pytest.approx(found.calibration.expected_error, abs=1e-6)
    assert [(10 / 15, 1), (13 / 15, 2)] == [(one.low, one.clips) for one in found.calibration.bins]
    assert -math.log(0.9 * 0.1 * 0.7) / 3 == pytest.approx(found.calibration.log_loss, abs=1e-6)


def test_bins_hold_what_they_say() -> None:
    """Over random answers: each bin's clips, confidence and accuracy by the definition (low, high]."""
    scores, targets = _random(400, 10)
    found = _scored(scores, targets)
    shares = np.exp(scores.astype(float)) / np.exp(scores.astype(float)).sum(axis=1, keepdims=True)
    sure, right = shares.max(axis=1), scores.argmax(axis=1) == targets
    assert found.calibration is not None
    for one in found.calibration.bins:
        inside = (sure > one.low) & (sure <= one.high)
        assert int(inside.sum()) == one.clips
        assert (sure[inside].mean(), right[inside].mean()) == pytest.approx((one.confidence, one.accuracy))
    assert 400 == sum(one.clips for one in found.calibration.bins)


def test_worst_are_the_least_margins_of_the_right_class() -> None:
    """The least first, wherever in the data set they were, and no more than asked for."""
    scores, targets = _random(100, 4)
    found = _scored(scores, targets, worst=7)
    own = scores[np.arange(100), targets].astype(float)
    others = scores.astype(float).copy()
    others[np.arange(100), targets] = -np.inf
    margins = own - others.max(axis=1)

    assert sorted(margins)[:7] == pytest.approx([worst.margin for worst in found.worst])
    assert all(worst.audio == f"/set/{worst.clip}" for worst in found.worst)


def test_certain_and_wrong_is_finite() -> None:
    """A share of 0 in float64 costs much, not infinity: one clip does not spoil the mean of all."""
    found = _scored(np.array([[0, 5000], [0, 5000]], np.float32), np.array([0, 1]))

    assert found.calibration is not None and math.isfinite(found.calibration.log_loss)
    assert 0.5 == found.calibration.expected_error
