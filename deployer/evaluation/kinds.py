"""What is measured of a model by what it answers: classes, embeddings or transcripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from board_runner.errors import UsageError
from board_runner.models import ecapa, units, wenet
from board_runner.models.base import AudioModel, Classifier
from deployer.evaluation import truths
from deployer.evaluation.answers import Answer
from deployer.evaluation.class_figures import ClassFigures, ClassTally
from deployer.evaluation.dataset import Clip
from deployer.evaluation.speaker_figures import CosineTally, SpeakerTally
from deployer.evaluation.transcript_figures import HeardTally, TranscriptFigures, TranscriptTally
from deployer.evaluation.versus import Versus, VersusTally
from deployer.metrics.speakers import Figures


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The model's own metric, and all figures of the kind that it has."""

    metric: str
    value: float
    higher_is_better: bool
    classes: ClassFigures | None = None
    speakers: tuple[Figures, ...] | None = None
    transcripts: TranscriptFigures | None = None


class Counting(Protocol):
    """One stage's answers, counted."""

    def add(self, clip: Clip, answer: Answer) -> None: ...

    def measured(self) -> Measured:
        """What they come to."""
        ...


class Pairing(Protocol):
    """Two stages' answers, counted."""

    def add(self, clip: Clip, reference: Answer, candidate: Answer) -> None: ...

    def versus(self) -> Versus:
        """What they come to."""
        ...


class Kind(Protocol):
    """How a model of one kind is measured."""

    def check(self, clip: Clip) -> object:
        """Raises InputError for a clip whose truth is nothing that the model could answer."""
        ...

    def counting(self) -> Counting: ...

    def pairing(self, reference: str, candidate: str) -> Pairing: ...


def of(
    model: AudioModel, *, classes: int, labels: Sequence[str], units_file: Path | None, worst: int
) -> Kind:
    """The kind of `model`. Raises UsageError for a metric that is not known here, ModelError for bad units."""
    if isinstance(model, Classifier):
        return _Classes(model.METRIC, classes, tuple(labels), worst)
    if model.METRIC == ecapa.METRIC:
        return _Speakers(model.METRIC)
    if model.METRIC == wenet.METRIC:
        return _Transcripts(model.METRIC, units.read(units_file) if units_file is not None else None, worst)
    raise UsageError(f"the metric {model.METRIC!r} is not known here")


@dataclass(frozen=True)
class _Classes:
    metric: str
    classes: int
    labels: tuple[str, ...]
    worst: int

    def check(self, clip: Clip) -> int:
        return truths.class_id(clip, self.labels, self.classes)

    def counting(self) -> Counting:
        return _CountedClasses(self)

    def pairing(self, reference: str, candidate: str) -> Pairing:
        return _PairedClasses(self, VersusTally(reference, candidate))


class _CountedClasses:
    def __init__(self, kind: _Classes) -> None:
        self._kind, self._tally = kind, ClassTally(kind.classes, worst=kind.worst)

    def add(self, clip: Clip, answer: Answer) -> None:
        self._tally.add(clip, self._kind.check(clip), answer)

    def measured(self) -> Measured:
        found = self._tally.figures(self._kind.labels)
        return Measured(metric=self._kind.metric, value=found.accuracy, higher_is_better=True, classes=found)


@dataclass(frozen=True)
class _PairedClasses:
    kind: _Classes
    tally: VersusTally

    def add(self, clip: Clip, reference: Answer, candidate: Answer) -> None:
        self.tally.add(clip, self.kind.check(clip), reference, candidate)

    def versus(self) -> Versus:
        return self.tally.versus()


@dataclass(frozen=True)
class _Speakers:
    metric: str

    def check(self, clip: Clip) -> None:
        """Any word names a speaker."""

    def counting(self) -> Counting:
        return _CountedSpeakers(self.metric)

    def pairing(self, reference: str, candidate: str) -> Pairing:
        return CosineTally(reference, candidate)


class _CountedSpeakers(SpeakerTally):
    def __init__(self, metric: str) -> None:
        super().__init__()
        self._metric = metric

    def measured(self) -> Measured:
        found = self.figures()
        if not found:
            raise UsageError("too many clips for any protocol of speakers", hint="take some of them")
        value = found[0].equal_error_rate
        return Measured(metric=self._metric, value=value, higher_is_better=False, speakers=found)


@dataclass(frozen=True)
class _Transcripts:
    metric: str
    units: list[str] | None
    worst: int

    def check(self, clip: Clip) -> None:
        if self.units is None:
            truths.tokens(clip)

    def counting(self) -> Counting:
        return _CountedTranscripts(self.metric, self.units, self.worst)

    def pairing(self, reference: str, candidate: str) -> Pairing:
        return HeardTally(reference, candidate)


class _CountedTranscripts(TranscriptTally):
    def __init__(self, metric: str, units: Sequence[str] | None, worst: int) -> None:
        super().__init__(units, worst=worst)
        self._metric = metric

    def measured(self) -> Measured:
        found = self.figures()
        return Measured(
            metric=self._metric, value=found.error_rate, higher_is_better=False, transcripts=found
        )
