"""Two stages over the same clips: where they decide otherwise, and whether one of them is the better."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

from deployer.comparison.decisions import Decided, Flip, decided
from deployer.evaluation.answers import Answer, ClassOnly, Scores
from deployer.evaluation.dataset import Clip

KEPT_FLIPS = 1000
FEW_DISCORDANT = 25
"""Below so many clips that one stage alone has right the exact test is used."""


@dataclass(frozen=True, kw_only=True)
class McNemar:
    """Is one of two stages right more often? McNemar's test (1947) on the clips that one alone has right.

    `exact`: the binomial test; else chi-squared with Edwards' correction (|b - c| - 1)^2 / (b + c). `p_value`
    is two-sided.
    """

    only_reference: int
    only_candidate: int
    exact: bool
    p_value: float


@dataclass(frozen=True, kw_only=True)
class Versus:
    """`alike` of `clips` are decided alike, or heard alike, or of equal embeddings.

    Of a model of classes: `flips` are at most 1000, the reference's smallest margins first. Of one of embeddings:
    the cosines of every clip's two. Of a recogniser: `edits` from what the reference heard, `heard` tokens in all.
    """

    reference: str
    candidate: str
    clips: int
    alike: int
    both_right: int | None = None
    both_wrong: int | None = None
    mcnemar: McNemar | None = None
    flips: tuple[Flip, ...] = ()
    least_cosine: float | None = None
    mean_cosine: float | None = None
    worst_clip: str | None = None
    edits: int | None = None
    heard: int | None = None


def mcnemar(only_reference: int, only_candidate: int) -> McNemar:
    """The test on these two counts; where both are 0, p is 1."""
    from scipy.stats import binomtest, chi2

    both = only_reference + only_candidate
    exact = both < FEW_DISCORDANT
    if not both:
        p_value = 1.0
    elif exact:
        p_value = float(binomtest(only_reference, both).pvalue)
    else:
        apart = max(0, abs(only_reference - only_candidate) - 1)
        p_value = float(chi2.sf(apart**2 / both, 1))
    return McNemar(only_reference=only_reference, only_candidate=only_candidate, exact=exact, p_value=p_value)


class VersusTally:
    """Counts pairs of answers; `versus` says what they come to."""

    def __init__(self, reference: str, candidate: str) -> None:
        self._names = reference, candidate
        self._right = {(first, second): 0 for first in (True, False) for second in (True, False)}
        self._alike = 0
        self._flips: list[tuple[float, str, Flip]] = []

    def add(self, clip: Clip, target: int, reference: Answer, candidate: Answer) -> None:
        """One clip, whose class is `target`."""
        first, second = _decided(reference), _decided(candidate)
        self._right[first.class_id == target, second.class_id == target] += 1
        if first.class_id == second.class_id:
            self._alike += 1
            return
        flip = Flip(clip=clip.name, reference=first, candidate=second, target=target)
        bisect.insort(self._flips, (first.margin or 0.0, clip.name, flip), key=lambda one: one[:2])
        del self._flips[KEPT_FLIPS:]

    def versus(self) -> Versus:
        """Of all clips so far."""
        return Versus(
            reference=self._names[0],
            candidate=self._names[1],
            clips=sum(self._right.values()),
            alike=self._alike,
            both_right=self._right[True, True],
            both_wrong=self._right[False, False],
            mcnemar=mcnemar(self._right[True, False], self._right[False, True]),
            flips=tuple(flip for _, _, flip in self._flips),
        )


def _decided(answer: Answer) -> Decided:
    """The class, and by how much it leads where all scores are known."""
    if isinstance(answer, Scores):
        return decided(answer.values)
    assert isinstance(answer, ClassOnly)
    return Decided(class_id=answer.class_id)
