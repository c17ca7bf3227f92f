"""Samples -> the figures of a table. Percentiles are given where the sample supports them (`intervals`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from deployer.measuring import warmth
from deployer.measuring.intervals import percentile
from deployer.records import Answer, RunRecord, Sample

_T = TypeVar("_T", int, str)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Where the values of one quantity lie, in milliseconds; a percentile is None where the runs are too few."""

    min_ms: float
    median_ms: float
    p90_ms: float | None
    p95_ms: float | None
    max_ms: float

    @classmethod
    def of(cls, values_ms: Sequence[float]) -> Spread:
        """At least one value."""
        return cls(
            min_ms=float(min(values_ms)),
            median_ms=float(np.median(values_ms)),
            p90_ms=percentile(values_ms, 0.9),
            p95_ms=percentile(values_ms, 0.95),
            max_ms=float(max(values_ms)),
        )


@dataclass(frozen=True, kw_only=True)
class ClipSummary:
    """One clip's runs; `class_ids` and `answers` hold every answer given, most frequent first.

    A model has the one or the other. `first_chunk_median_ms`: None for a model of one chunk. `warm_median_ms`: of
    the invokes that follow another in their process, where some were measured.
    """

    clip: str
    runs: int
    class_ids: tuple[int, ...]
    target: int | None
    invoke: Spread
    post_process_median_ms: float
    start_load_io_median_ms: float | None = None
    real_time_factor: float | None = None
    warm_median_ms: float | None = None
    answers: tuple[Answer, ...] = ()
    first_chunk_median_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A whole record. `accuracy` counts clips whose every answer was the target; None without targets.

    `real_time_factor` is invoke plus post-process time by the length of the audio; `first_chunk` how long the model
    ran on the first chunk of each run, where there are several.
    """

    clips: tuple[ClipSummary, ...]
    invoke: Spread
    post_process: Spread
    start_load_io: Spread | None
    clips_per_s: float
    real_time_factor: float | None
    correct: int
    judged: int
    first_chunk: Spread | None = None

    @property
    def accuracy(self) -> float | None:
        """Share of judged clips that were right."""
        return self.correct / self.judged if self.judged else None


def summarise(record: RunRecord) -> Summary | None:
    """None for a record without a single sample that counts (no warm-up; of two variants the first)."""
    counted = record.counted
    if not counted:
        return None
    by_clip: dict[str, list[Sample]] = {}
    for sample in counted:
        by_clip.setdefault(sample.clip, []).append(sample)
    warm = warmth.of(record)
    warm_ms = {each.clip: each.warm_ms for each in warm.clips} if warm is not None else {}
    clips = tuple(_clip(record, name, samples, warm_ms.get(name)) for name, samples in by_clip.items())
    busy_ms = [s.invoke_ms + s.post_process_ms for s in counted]
    overhead = [s.start_load_io_ms for s in counted if s.start_load_io_ms is not None]
    judged = [c for c in clips if c.target is not None and c.class_ids]
    first_ms = [s.first_chunk_ms for s in counted if s.first_chunk_ms is not None]
    return Summary(
        clips=clips,
        invoke=Spread.of([s.invoke_ms for s in counted]),
        post_process=Spread.of([s.post_process_ms for s in counted]),
        start_load_io=Spread.of(overhead) if overhead else None,
        clips_per_s=1000.0 / float(np.median(busy_ms)),
        real_time_factor=_real_time_factor(counted, record.clip_seconds),
        correct=sum(c.class_ids == (c.target,) for c in judged),
        judged=len(judged),
        first_chunk=Spread.of(first_ms) if first_ms else None,
    )


def _clip(record: RunRecord, name: str, samples: Sequence[Sample], warm_ms: float | None) -> ClipSummary:
    beside = [s.start_load_io_ms for s in samples if s.start_load_io_ms is not None]
    by_key = {answer.key: answer for answer in record.answers}
    first_ms = [s.first_chunk_ms for s in samples if s.first_chunk_ms is not None]
    return ClipSummary(
        clip=name,
        runs=len(samples),
        class_ids=_most_frequent_first(s.class_id for s in samples if s.class_id is not None),
        answers=tuple(
            by_key[key] for key in _most_frequent_first(s.answer for s in samples if s.answer in by_key)
        ),
        first_chunk_median_ms=float(np.median(first_ms)) if first_ms else None,
        target=record.targets.get(name),
        invoke=Spread.of([s.invoke_ms for s in samples]),
        post_process_median_ms=float(np.median([s.post_process_ms for s in samples])),
        start_load_io_median_ms=float(np.median(beside)) if beside else None,
        real_time_factor=_real_time_factor(samples, record.clip_seconds),
        warm_median_ms=warm_ms,
    )


def _most_frequent_first(values: Iterable[_T]) -> tuple[_T, ...]:
    """Each once; of equally frequent ones the smallest first."""
    counts = Counter(values)
    return tuple(sorted(counts, key=lambda value: (-counts[value], value)))


def _real_time_factor(samples: Sequence[Sample], clip_seconds: Mapping[str, float]) -> float | None:
    ratios = [
        (s.invoke_ms + s.post_process_ms) / 1000.0 / clip_seconds[s.clip]
        for s in samples
        if clip_seconds.get(s.clip)
    ]
    return float(np.median(ratios)) if ratios else None
