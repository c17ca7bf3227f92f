"""What the stages decide: flips, and who agrees with whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A class, and by how much it leads the second; None where a stage shows its decision alone."""

    class_id: int
    margin: float | None = None


@dataclass(frozen=True, kw_only=True)
class Flip:
    """A clip on which two stages decide otherwise."""

    clip: str
    reference: Decided
    candidate: Decided
    target: int | None = None


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Of `clips` clips, on how many stages i and j decide alike; and how many each has right, of those known."""

    stages: tuple[str, ...]
    clips: int
    counts: tuple[tuple[int, ...], ...]
    right: tuple[int, ...]
    known: int


@np.errstate(invalid="ignore")  # infinity leads infinity by nothing that is a number
def decided(scores: Array) -> Decided:
    """The largest score, the first of equals; NaN counts as the largest."""
    flat = np.asarray(scores, np.float64).ravel()
    if flat.size == 0:
        return Decided(class_id=-1)
    best = int(np.argmax(flat))
    margin = float(flat[best] - np.max(np.delete(flat, best))) if flat.size > 1 else None
    return Decided(class_id=best, margin=margin)


def flips(
    reference: Mapping[str, Decided], candidate: Mapping[str, Decided], targets: Mapping[str, int]
) -> tuple[Flip, ...]:
    """Smallest margin of the reference first: those were the easiest to turn."""
    found = [
        Flip(clip=clip, reference=a, candidate=candidate[clip], target=targets.get(clip))
        for clip, a in reference.items()
        if candidate[clip].class_id != a.class_id
    ]
    return tuple(sorted(found, key=lambda flip: (flip.reference.margin or 0.0, flip.clip)))


def agreement(stages: Sequence[tuple[str, Mapping[str, Decided]]], targets: Mapping[str, int]) -> Agreement:
    """Over the clips that all stages have."""
    clips = [clip for clip in stages[0][1] if all(clip in decisions for _, decisions in stages)]
    ids = np.array([[decisions[clip].class_id for clip in clips] for _, decisions in stages])
    known = [clip for clip in clips if clip in targets]
    counts = (ids[:, None, :] == ids[None, :, :]).sum(axis=2)
    return Agreement(
        stages=tuple(name for name, _ in stages),
        clips=len(clips),
        counts=tuple(tuple(int(n) for n in row) for row in counts),
        right=tuple(sum(d[clip].class_id == targets[clip] for clip in known) for _, d in stages),
        known=len(known),
    )


def interval(hits: int, of: int) -> tuple[float, float]:
    """95 % interval of a share: Wilson, "Probable inference" (1927); 0 to 1 where there is nothing to go by."""
    if of == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest

    found = binomtest(hits, of).proportion_ci(confidence_level=0.95, method="wilson")
    return float(found.low), float(found.high)
