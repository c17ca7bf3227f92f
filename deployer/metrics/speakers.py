"""Embeddings with their speakers -> trials, by three protocols, and the figures of each.

`pairs`: every clip against every other. `leave one out`: every clip against each speaker's mean, its own without
itself. `seed`: every clip against each speaker's mean of all clips, its own included, as the seed's post-process
does; since a clip helps to make the mean it is held against, even random embeddings score well above 0.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from board_runner.contract import Array
from board_runner.errors import InputError
from deployer.metrics import detection
from deployer.metrics.detection import BestPoint, Trials

MOST_TRIALS = 50_000_000
"""Beyond these a protocol is left out: the scores alone would be 400 MB."""

CHANCE_SEED = 20260101
SEED_PROTOCOL = "seed"


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """Embeddings (clips, width) and the speaker of each clip."""

    vectors: Array
    speakers: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raise InputError unless there is one finite embedding with a direction for each speaker's clip."""
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.speakers):
            raise InputError(f"{len(self.vectors)} embeddings of {len(self.speakers)} clips")
        lengths = np.linalg.norm(self.vectors, axis=1)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise InputError("an embedding is not finite, or zero")

    @property
    def units(self) -> Array:
        """The embeddings at length 1, float64."""
        vectors = self.vectors.astype(np.float64)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    def of_speaker(self) -> tuple[Array, Array]:
        """The number of each clip's speaker (clips,), and the count of clips of each speaker."""
        _, numbers, counts = np.unique(np.asarray(self.speakers), return_inverse=True, return_counts=True)
        return numbers, counts


def pairs(embedded: Embedded) -> Trials:
    """The cosine of every two clips."""
    numbers, _ = embedded.of_speaker()
    first, second = np.triu_indices(len(numbers), k=1)
    cosines = embedded.units @ embedded.units.T
    return Trials(scores=cosines[first, second], target=numbers[first] == numbers[second])


def leave_one_out(embedded: Embedded) -> Trials:
    """The cosine of every clip with each speaker's mean, its own speaker's without the clip.

    Speakers of one clip have nothing to compare it with: it is held against the others alone.
    """
    numbers, counts = embedded.of_speaker()
    units, sums = _sums(embedded, numbers, counts)
    scores = units @ _directions(sums).T
    own = np.zeros(scores.shape, bool)
    own[np.arange(len(numbers)), numbers] = True
    scores[own] = np.sum(units * _directions(sums[numbers] - units), axis=1)
    there = ~own | (counts[numbers] > 1)[:, None]
    return Trials(scores=scores[there], target=own[there])


def seed(embedded: Embedded) -> Trials:
    """The cosine of every clip with each speaker's mean, itself included."""
    numbers, counts = embedded.of_speaker()
    units, sums = _sums(embedded, numbers, counts)
    scores = units @ _directions(sums).T
    own = numbers[:, None] == np.arange(len(counts))
    return Trials(scores=scores.ravel(), target=own.ravel())


PROTOCOLS: Mapping[str, Callable[[Embedded], Trials]] = MappingProxyType(
    {"pairs": pairs, "leave one out": leave_one_out, SEED_PROTOCOL: seed}
)


def _sums(embedded: Embedded, numbers: Array, counts: Array) -> tuple[Array, Array]:
    units = embedded.units
    sums = np.zeros((len(counts), units.shape[1]))
    np.add.at(sums, numbers, units)
    return units, sums


def _directions(vectors: Array) -> Array:
    """Length 1 each; what has no direction stays zero, and scores 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 1e-12))


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One protocol. `chance_roc_auc` is what random embeddings of as many clips and speakers reach."""

    protocol: str
    trials: int
    targets: int
    roc_auc: float
    chance_roc_auc: float
    equal_error_rate: float
    min_detection_cost: float
    best: BestPoint


def trial_counts(speakers: Sequence[str]) -> dict[str, int]:
    """How many trials each protocol has for these clips, at most."""
    clips, names = len(speakers), len(set(speakers))
    return {name: clips * (clips - 1) // 2 if name == "pairs" else clips * names for name in PROTOCOLS}


def too_many(speakers: Sequence[str], most: int = MOST_TRIALS) -> dict[str, int]:
    """The protocols that `measure` leaves out for these clips, with their trials."""
    return {name: count for name, count in trial_counts(speakers).items() if count > most}


def measure(
    embedded: Embedded, protocols: Sequence[str] = tuple(PROTOCOLS), *, most: int = MOST_TRIALS
) -> list[Figures]:
    """The figures of each protocol of at most `most` trials; raises InputError without trials of both kinds."""
    width = embedded.vectors.shape[1]
    left_out = too_many(embedded.speakers, most)
    return [
        figures(PROTOCOLS[name](embedded), name, chance=chance_level(embedded.speakers, width, name))
        for name in protocols
        if name not in left_out
    ]


def figures(trials: Trials, protocol: str, *, chance: float = 0.5) -> Figures:
    """What there is to say of the trials."""
    found = detection.curve(trials)
    return Figures(
        protocol=protocol,
        trials=trials.scores.size,
        targets=trials.targets,
        roc_auc=detection.roc_auc(found),
        chance_roc_auc=chance,
        equal_error_rate=detection.equal_error_rate(found),
        min_detection_cost=detection.min_detection_cost(found),
        best=detection.best_point(found),
    )


def chance_level(speakers: Sequence[str], width: int, protocol: str) -> float:
    """ROC AUC of directions drawn at random for these clips, seeded.

    By symmetry 0.5 for `pairs` and `leave one out`, where no clip helps to make what it is held against.
    """
    if protocol != SEED_PROTOCOL:
        return 0.5
    drawn = np.random.default_rng(CHANCE_SEED).standard_normal((len(speakers), width))
    return detection.roc_auc(detection.curve(seed(Embedded(vectors=drawn, speakers=tuple(speakers)))))


def as_data(rows: Sequence[Figures]) -> list[dict[str, Any]]:
    """For `--json`."""
    return [asdict(row) for row in rows]


def as_table(rows: Sequence[Figures]) -> str:
    """Markdown, a row a protocol."""
    lines = [
        "| protocol | trials | of one speaker | ROC AUC | by chance | EER | minDCF(0.01) |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {f.protocol} | {f.trials} | {f.targets} | {f.roc_auc:.4f} | {f.chance_roc_auc:.4f} "
        f"| {100 * f.equal_error_rate:.2f} % | {f.min_detection_cost:.4f} |"
        for f in rows
    ]
    return "\n".join(lines)
