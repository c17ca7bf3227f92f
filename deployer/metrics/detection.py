"""Scores of trials that are targets or not -> error rates, and the figures made of them.

Accepted is a score at or above a threshold. All figures see equal scores as one step, so the order of the trials
never counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from board_runner.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Trials:
    """Scores (n,), and which of them are of targets: pairs of one speaker."""

    scores: Array
    target: Array

    def __post_init__(self) -> None:
        """Raise InputError unless both kinds are there and all scores are finite."""
        if self.scores.ndim != 1 or self.scores.shape != self.target.shape or self.target.dtype != bool:
            raise InputError("trials want one score and one truth value each")
        if not np.isfinite(self.scores).all():
            raise InputError("trials with scores that are not finite")
        if not self.target.any() or self.target.all():
            raise InputError(
                f"{self.targets} target trials of {self.scores.size}: both kinds are needed",
                hint="at least two clips of one speaker, and two speakers",
            )

    @property
    def targets(self) -> int:
        """How many are targets."""
        return int(self.target.sum())


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Error rates at every threshold that changes them, rising, from all accepted to none.

    `miss` is the share of targets below the threshold, `false_alarm` that of non-targets at or above it.
    """

    thresholds: Array
    miss: Array
    false_alarm: Array


def curve(trials: Trials) -> Curve:
    """The error rates of `trials`; the last threshold is infinite."""
    order = np.argsort(trials.scores, kind="stable")
    scores, target = trials.scores[order], trials.target[order]
    first = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
    below = np.concatenate([[0], np.cumsum(target)])  # targets among the first i scores
    places = np.concatenate([first, [scores.size]])
    targets, others = trials.targets, scores.size - trials.targets
    return Curve(
        thresholds=np.concatenate([scores[first], [np.inf]]),
        miss=below[places] / targets,
        false_alarm=1.0 - (places - below[places]) / others,
    )


def roc_auc(found: Curve) -> float:
    """Area under the ROC: the probability that a target scores above a non-target, equal scores half."""
    hit = 1.0 - found.miss
    steps = found.false_alarm[:-1] - found.false_alarm[1:]
    return float(np.sum(steps * (hit[:-1] + hit[1:]) / 2))


def equal_error_rate(found: Curve) -> float:
    """Where miss and false alarm are equal, linear between the two neighbouring points."""
    apart = found.miss - found.false_alarm  # rises from -1 to 1
    after = int(np.argmax(apart >= 0))
    if apart[after] == 0 or after == 0:
        return float(found.miss[after])
    before = after - 1
    share = -apart[before] / (apart[after] - apart[before])
    return float(found.miss[before] + share * (found.miss[after] - found.miss[before]))


def min_detection_cost(
    found: Curve, *, target_prior: float = 0.01, miss_cost: float = 1.0, false_alarm_cost: float = 1.0
) -> float:
    """NIST's least detection cost, by that of always answering the same (SRE plans, minDCF).

    min over thresholds of C_miss P_miss P_target + C_fa P_fa (1 - P_target), divided by
    min(C_miss P_target, C_fa (1 - P_target)). Raises InputError for a prior outside of 0 to 1.
    """
    if not 0 < target_prior < 1:
        raise InputError(f"a target prior of {target_prior}: must be between 0 and 1")
    miss, alarm = miss_cost * target_prior, false_alarm_cost * (1 - target_prior)
    cost = miss * found.miss + alarm * found.false_alarm
    return float(cost.min() / min(miss, alarm))


@dataclass(frozen=True, kw_only=True)
class BestPoint:
    """The threshold where hits exceed false alarms most (Youden's index), and both rates there."""

    threshold: float
    hit_rate: float
    rejection_rate: float


def best_point(found: Curve) -> BestPoint:
    """The threshold with the largest hit rate less false-alarm rate, the highest of equals."""
    gain = 1.0 - found.miss - found.false_alarm
    best = gain.size - 1 - int(np.argmax(gain[::-1]))
    return BestPoint(
        threshold=float(found.thresholds[best]),
        hit_rate=float(1.0 - found.miss[best]),
        rejection_rate=float(1.0 - found.false_alarm[best]),
    )
