"""Figures of merit of a recogniser over a data set: edits between what was said and what was heard."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from board_runner.errors import UsageError
from board_runner.models import units as token_units
from board_runner.models.base import Transcript
from board_runner.models.error_rate import edits
from deployer.evaluation import truths
from deployer.evaluation.answers import Answer, Timed
from deployer.evaluation.dataset import Clip
from deployer.evaluation.versus import Versus


@dataclass(frozen=True, kw_only=True)
class Misheard:
    """A clip with what was said and heard, and the edits between them."""

    clip: str
    audio: str
    said: str
    heard: str
    edits: int


@dataclass(frozen=True, kw_only=True)
class TranscriptFigures:
    """`error_rate` is edits by tokens said, `right` counts clips without any; `worst` have the most edits.

    Of a board's program: `real_time_factor`, what it ran by the length of the audio, all clips together, and the
    median time of the model on a clip's first chunk.
    """

    clips: int
    right: int
    said: int
    edits: int
    error_rate: float
    worst: tuple[Misheard, ...]
    real_time_factor: float | None = None
    first_chunk_ms: float | None = None


class TranscriptTally:
    """Counts edits: of characters where `units` name the tokens, of token numbers without."""

    def __init__(self, units: Sequence[str] | None, *, worst: int = 20) -> None:
        self._units, self._most_worst = units, worst
        self._clips = self._right = self._said = self._edits = 0
        self._worst: list[tuple[int, str, Misheard]] = []
        self._busy_s = self._audio_s = 0.0
        self._first_chunks_ms: list[float] = []

    def add(self, clip: Clip, answer: Answer) -> None:
        """One clip, whose truth is what was said."""
        assert isinstance(answer, Transcript)
        if self._units is None:
            said, heard = " ".join(clip.truth.split()), " ".join(map(str, answer.tokens))
            off = edits(truths.tokens(clip), answer.tokens)
            self._said += len(truths.tokens(clip))
        else:
            said, heard = " ".join(clip.truth.split()), token_units.text(answer.tokens, self._units)
            off = edits(said, heard)
            self._said += len(said)
        if isinstance(answer, Timed):
            self._busy_s, self._audio_s = self._busy_s + answer.busy_ms / 1000, self._audio_s + answer.audio_s
            self._first_chunks_ms.append(answer.first_chunk_ms)
        self._clips, self._right, self._edits = self._clips + 1, self._right + (not off), self._edits + off
        if off:
            found = Misheard(clip=clip.name, audio=str(clip.path), said=said, heard=heard, edits=off)
            bisect.insort(self._worst, (-off, clip.name, found), key=lambda one: one[:2])
            del self._worst[self._most_worst :]

    def figures(self) -> TranscriptFigures:
        """Of all clips so far. Raises UsageError where nothing was said at all."""
        if not self._said:
            raise UsageError("an error rate needs a reference of at least one token")
        return TranscriptFigures(
            clips=self._clips,
            right=self._right,
            said=self._said,
            edits=self._edits,
            error_rate=self._edits / self._said,
            worst=tuple(one for _, _, one in self._worst),
            real_time_factor=self._busy_s / self._audio_s if self._audio_s else None,
            first_chunk_ms=median(self._first_chunks_ms) if self._first_chunks_ms else None,
        )


class HeardTally:
    """On how many clips two stages heard the same, and the edits between the two."""

    def __init__(self, reference: str, candidate: str) -> None:
        self._names = reference, candidate
        self._clips = self._alike = self._edits = self._heard = 0

    def add(self, clip: Clip, reference: Answer, candidate: Answer) -> None:
        """One clip."""
        assert isinstance(reference, Transcript) and isinstance(candidate, Transcript)
        self._clips += 1
        self._alike += reference.tokens == candidate.tokens
        self._edits += edits(reference.tokens, candidate.tokens)
        self._heard += len(reference.tokens)

    def versus(self) -> Versus:
        """Of all clips so far."""
        first, second = self._names
        return Versus(
            reference=first,
            candidate=second,
            clips=self._clips,
            alike=self._alike,
            edits=self._edits,
            heard=self._heard,
        )
