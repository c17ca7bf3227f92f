"""Figures of merit of a classifier, counted clip by clip: memory depends on the classes, never on the clips."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from deployer.comparison.decisions import interval
from deployer.evaluation.answers import Answer, ClassOnly, Scores
from deployer.evaluation.calibration import Calibration, Reliability
from deployer.evaluation.dataset import Clip
from deployer.labels import shown

TOP = (1, 5)


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """One class. `clips` are of it, `said` were taken for it, `right` are both.

    `precision` is right / said, `recall` right / clips, `f1` 2 right / (clips + said); None where nothing divides.
    """

    class_id: int
    label: str
    clips: int
    said: int
    right: int
    precision: float | None
    recall: float | None
    f1: float


@dataclass(frozen=True, kw_only=True)
class Worst:
    """A clip with a small margin of its right class, in the model's scores; None where only classes are known."""

    clip: str
    audio: str
    target: int
    said: int
    margin: float | None
    share: float | None


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """A classifier over a data set.

    `interval` is Wilson's of the accuracy, 95 %; `top` maps k to the share of clips whose class is among the k
    best; `macro_f1` is the mean over the classes that the data set has. `confusion` maps class to what its clips
    were taken for, and how often. `top` beyond 1, `calibration` and margins want scores of all classes: a stage
    that tells classes alone has none.
    """

    clips: int
    right: int
    accuracy: float
    interval: tuple[float, float]
    top: Mapping[int, float]
    macro_f1: float
    classes: tuple[ClassRow, ...]
    confusion: Mapping[int, Mapping[int, int]]
    calibration: Calibration | None
    worst: tuple[Worst, ...]


class ClassTally:
    """Counts answers; `figures` says what they come to."""

    def __init__(self, classes: int, *, worst: int = 20) -> None:
        self._confusion = np.zeros((classes, classes), np.int64)
        self._top = dict.fromkeys((k for k in TOP if k < classes), 0)
        self._reliability = Reliability()
        self._worst: list[tuple[float, str, Worst]] = []
        self._most_worst = worst
        self._scored = True

    def add(self, clip: Clip, target: int, answer: Answer) -> None:
        """One clip, whose class is `target`. Raises IndexError for a class beyond those there are."""
        if isinstance(answer, Scores):
            rank, shares = answer.rank(target), answer.shares
            self._top = {k: hits + (rank < k) for k, hits in self._top.items()}
            self._reliability.add(float(shares.max()), float(shares[target]), right=rank == 0)
            self._note(clip, target, answer.class_id, answer.margin(target), float(shares[target]))
        else:
            assert isinstance(answer, ClassOnly)
            self._scored = False
            if answer.class_id != target:
                self._note(clip, target, answer.class_id, None, None)
        self._confusion[target, answer.class_id] += 1

    def _note(self, clip: Clip, target: int, said: int, margin: float | None, share: float | None) -> None:
        found = Worst(
            clip=clip.name, audio=str(clip.path), target=target, said=said, margin=margin, share=share
        )
        bisect.insort(self._worst, (margin or 0.0, clip.name, found), key=lambda one: one[:2])
        del self._worst[self._most_worst :]

    def figures(self, labels: Sequence[str]) -> ClassFigures:
        """Of all clips so far, one at least."""
        counts = self._confusion
        clips, right = int(counts.sum()), int(np.trace(counts))
        rows = _rows(counts, labels)
        scores = [row.f1 for row in rows if row.clips]
        top = {k: hits / clips for k, hits in self._top.items()} if self._scored else {1: right / clips}
        return ClassFigures(
            clips=clips,
            right=right,
            accuracy=right / clips,
            interval=interval(right, clips),
            top=top,
            macro_f1=sum(scores) / len(scores),
            classes=rows,
            confusion=_sparse(counts),
            calibration=self._reliability.calibration() if self._scored else None,
            worst=tuple(worst for _, _, worst in self._worst),
        )


def _rows(counts: Array, labels: Sequence[str]) -> tuple[ClassRow, ...]:
    """The classes that the data set has or that something was taken for."""
    of, said = counts.sum(axis=1).tolist(), counts.sum(axis=0).tolist()
    right = np.diagonal(counts).tolist()
    return tuple(
        ClassRow(
            class_id=number,
            label=shown(number, labels),
            clips=of[number],
            said=said[number],
            right=right[number],
            precision=right[number] / said[number] if said[number] else None,
            recall=right[number] / of[number] if of[number] else None,
            f1=2 * right[number] / (of[number] + said[number]),
        )
        for number in range(len(counts))
        if of[number] or said[number]
    )


def _sparse(counts: Array) -> dict[int, dict[int, int]]:
    return {
        int(target): {int(said): int(counts[target, said]) for said in np.flatnonzero(counts[target])}
        for target in np.flatnonzero(counts.sum(axis=1))
    }
