"""Whether a classifier is as often right as it is sure: reliability bins and what they come to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

BINS = 15


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Clips whose highest share lies above `low`, up to `high`: its mean, and the share of them that is right."""

    low: float
    high: float
    clips: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The expected calibration error, the mean natural logarithm of 1 / (share of the right class), and the bins.

    ECE = sum over bins of clips / all clips * |accuracy - confidence|, with 15 bins of equal width (Guo et al.,
    "On calibration of modern neural networks", 2017). Empty bins are left out.
    """

    expected_error: float
    log_loss: float
    bins: tuple[Bin, ...]


class Reliability:
    """Counts shares; `calibration` says what they come to."""

    def __init__(self) -> None:
        self._clips, self._right = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64)
        self._confidence = np.zeros(BINS)
        self._loss = 0.0

    def add(self, confidence: float, share: float, *, right: bool) -> None:
        """One clip: the highest share, that of the right class, and whether they are one class's."""
        at = min(BINS - 1, max(0, math.ceil(confidence * BINS) - 1))
        self._clips[at] += 1
        self._right[at] += right
        self._confidence[at] += confidence
        self._loss -= math.log(max(share, float(np.finfo(np.float64).tiny)))

    def calibration(self) -> Calibration:
        """Of all clips so far, one at least."""
        bins = tuple(
            Bin(
                low=at / BINS,
                high=(at + 1) / BINS,
                clips=int(self._clips[at]),
                confidence=float(self._confidence[at] / self._clips[at]),
                accuracy=float(self._right[at] / self._clips[at]),
            )
            for at in np.flatnonzero(self._clips).tolist()
        )
        clips = sum(one.clips for one in bins)
        return Calibration(
            expected_error=sum(one.clips * abs(one.accuracy - one.confidence) for one in bins) / clips,
            log_loss=self._loss / clips,
            bins=bins,
        )
