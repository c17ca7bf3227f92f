"""From CTC scores to token sequences: the best path, and a beam over prefixes. Token 0 is blank."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.models.base import Transcript

BLANK = 0
NEVER = -math.inf


def greedy(log_probs: Array) -> Transcript:
    """The most likely path of (T, V) log-probabilities: repeats are one, blanks none; `score` is the path's.

    Raises ModelError for scores that are not finite or no matrix.
    """
    scores = _matrix(log_probs)
    path = scores.argmax(axis=1)
    kept = (path != BLANK) & np.concatenate([[True], path[1:] != path[:-1]])[: len(path)]
    best = float(scores.max(axis=1).astype(np.float64).sum())
    return Transcript(tokens=tuple(int(token) for token in path[kept]), score=best)


class PrefixBeam:
    """CTC prefix beam search (arXiv 1408.2873, without a language model), fed chunk by chunk.

    `beam` prefixes are kept after each frame, and each frame's `candidates` best tokens are looked at. A prefix's
    score is the sum over all its alignments that the beam has seen.
    """

    def __init__(self, *, beam: int = 10, candidates: int = 10) -> None:
        if beam < 1 or candidates < 1:
            raise ModelError(f"a beam of {beam} with {candidates} candidates: both must be at least 1")
        self._beam, self._candidates = beam, candidates
        # prefix -> log-probability of it with a blank at the end, and without
        self._prefixes: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, NEVER)}

    def push(self, log_probs: Array) -> None:
        """The next frames, (T, V); raises ModelError for scores that are not finite or no matrix."""
        for frame in _matrix(log_probs):
            self._step(frame)

    def best(self) -> list[Transcript]:
        """What has been heard so far, the likeliest first; scores are natural logarithms."""
        scored = [(_sum(*ends), prefix) for prefix, ends in self._prefixes.items()]
        return [
            Transcript(tokens=prefix, score=score)
            for score, prefix in sorted(scored, key=lambda one: (-one[0], one[1]))
        ]

    def _step(self, frame: Array) -> None:
        count = min(self._candidates, frame.size)
        tokens = np.argpartition(-frame, count - 1)[:count]
        grown: dict[tuple[int, ...], list[list[float]]] = {}

        def add(prefix: tuple[int, ...], end: int, score: float) -> None:
            grown.setdefault(prefix, [[], []])[end].append(score)

        for token, p in zip(tokens.tolist(), frame[tokens].astype(np.float64).tolist(), strict=True):
            for prefix, (blank, other) in self._prefixes.items():
                if token == BLANK:
                    add(prefix, 0, _sum(blank, other) + p)
                elif prefix and token == prefix[-1]:
                    add(prefix, 1, other + p)
                    if blank > NEVER:  # heard again only after a blank
                        add((*prefix, token), 1, blank + p)
                else:
                    add((*prefix, token), 1, _sum(blank, other) + p)
        summed = {prefix: (_sum(*ends[0]), _sum(*ends[1])) for prefix, ends in grown.items()}
        best = heapq.nlargest(self._beam, summed.items(), key=lambda one: _sum(*one[1]))
        self._prefixes = dict(best)


def prefix_beam(
    log_probs: Array | Iterable[Array], *, beam: int = 10, candidates: int = 10
) -> list[Transcript]:
    """The `beam` likeliest sequences of (T, V) log-probabilities, or of such chunks in order, the best first.

    Raises ModelError for scores that are not finite or no matrix.
    """
    search = PrefixBeam(beam=beam, candidates=candidates)
    for chunk in [log_probs] if isinstance(log_probs, np.ndarray) else log_probs:
        search.push(chunk)
    return search.best()


def _sum(*scores: float) -> float:
    """log of the sum of exponentials; -inf for none."""
    largest = max(scores, default=NEVER)
    if largest == NEVER:
        return NEVER
    return largest + math.log(math.fsum(math.exp(score - largest) for score in scores))


def _matrix(log_probs: Array) -> Array:
    if log_probs.ndim != 2 or log_probs.shape[1] < 2:
        raise ModelError(f"CTC scores of shape {list(log_probs.shape)}, wants (frames, tokens)")
    if not np.isfinite(log_probs).all():
        raise ModelError("CTC scores that are not finite")
    return log_probs
