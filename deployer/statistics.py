"""Samples -> the figures of a table. Percentiles are given where the sample supports them (`intervals`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deployer.measuring import warmth
from deployer.measuring.intervals import percentile
from deployer.records import RunRecord, Sample


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
    """One clip's runs; `class_ids` holds every answer given, most frequent first.

    `warm_median_ms`: of the invokes that follow another in their process, where some were measured.
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


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A whole record. `accuracy` counts clips whose every answer was the target; None without targets.

    `real_time_factor` is invoke plus post-process time by the length of the audio.
    """

    clips: tuple[ClipSummary, ...]
    invoke: Spread
    post_process: Spread
    start_load_io: Spread | None
    clips_per_s: float
    real_time_factor: float | None
    correct: int
    judged: int

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
    judged = [c for c in clips if c.target is not None]
    return Summary(
        clips=clips,
        invoke=Spread.of([s.invoke_ms for s in counted]),
        post_process=Spread.of([s.post_process_ms for s in counted]),
        start_load_io=Spread.of(overhead) if overhead else None,
        clips_per_s=1000.0 / float(np.median(busy_ms)),
        real_time_factor=_real_time_factor(counted, record.clip_seconds),
        correct=sum(c.class_ids == (c.target,) for c in judged),
        judged=len(judged),
    )


def _clip(record: RunRecord, name: str, samples: Sequence[Sample], warm_ms: float | None) -> ClipSummary:
    beside = [s.start_load_io_ms for s in samples if s.start_load_io_ms is not None]
    ids, counts = np.unique([s.class_id for s in samples], return_counts=True)
    return ClipSummary(
        clip=name,
        runs=len(samples),
        class_ids=tuple(int(ids[i]) for i in np.argsort(-counts, kind="stable")),
        target=record.targets.get(name),
        invoke=Spread.of([s.invoke_ms for s in samples]),
        post_process_median_ms=float(np.median([s.post_process_ms for s in samples])),
        start_load_io_median_ms=float(np.median(beside)) if beside else None,
        real_time_factor=_real_time_factor(samples, record.clip_seconds),
        warm_median_ms=warm_ms,
    )


def _real_time_factor(samples: Sequence[Sample], clip_seconds: Mapping[str, float]) -> float | None:
    ratios = [
        (s.invoke_ms + s.post_process_ms) / 1000.0 / clip_seconds[s.clip]
        for s in samples
        if clip_seconds.get(s.clip)
    ]
    return float(np.median(ratios)) if ratios else None
