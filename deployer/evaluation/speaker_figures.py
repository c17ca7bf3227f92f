"""Figures of merit of speaker embeddings over a data set. All embeddings are held at once: 1.5 kB a clip."""

from __future__ import annotations

import numpy as np

from board_runner.contract import Array
from board_runner.models.base import Embedding
from deployer.evaluation.answers import Answer
from deployer.evaluation.dataset import Clip
from deployer.evaluation.versus import Versus
from deployer.metrics import speakers
from deployer.metrics.speakers import Embedded, Figures


class SpeakerTally:
    """Gathers embeddings; `figures` says what they come to."""

    def __init__(self) -> None:
        self._vectors: list[Array] = []
        self._speakers: list[str] = []

    def add(self, clip: Clip, answer: Answer) -> None:
        """One clip, whose truth is its speaker."""
        assert isinstance(answer, Embedding)
        self._vectors.append(np.array(answer.vector))
        self._speakers.append(clip.truth)

    def figures(self) -> tuple[Figures, ...]:
        """Each protocol of `deployer.metrics.speakers` that these clips are not too many for.

        Raises InputError unless one speaker has two clips and there are two speakers.
        """
        embedded = Embedded(vectors=np.array(self._vectors), speakers=tuple(self._speakers))
        return tuple(speakers.measure(embedded))


class CosineTally:
    """Holds two stages' embeddings of each clip against each other."""

    def __init__(self, reference: str, candidate: str) -> None:
        self._names = reference, candidate
        self._clips = self._alike = 0
        self._sum = 0.0
        self._worst = (2.0, "")

    def add(self, clip: Clip, reference: Answer, candidate: Answer) -> None:
        """One clip; embeddings are of length 1."""
        assert isinstance(reference, Embedding) and isinstance(candidate, Embedding)
        cosine = float(np.dot(reference.vector, candidate.vector))
        self._clips += 1
        self._alike += reference == candidate
        self._sum += cosine
        self._worst = min(self._worst, (cosine, clip.name))

    def versus(self) -> Versus:
        """Of all clips so far, one at least."""
        cosine, clip = self._worst
        return Versus(
            reference=self._names[0],
            candidate=self._names[1],
            clips=self._clips,
            alike=self._alike,
            least_cosine=cosine,
            mean_cosine=self._sum / self._clips,
            worst_clip=clip,
        )
