"""What became of each clip, and which clips are the worst."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from deployer.records import Answer, RunRecord
from deployer.statistics import ClipSummary, Spread, Summary

Verdict = Literal["wrong", "mixed", "failed", "right", "unjudged"]

VERDICTS: dict[Verdict, str] = {
    "wrong": "every answer is another class",
    "mixed": "some answers are another",
    "failed": "no run gave an answer",
    "right": "every answer is the target",
    "unjudged": "the target is not known",
}
"""Worst first, each with what it means."""


@dataclass(frozen=True, kw_only=True)
class ClipRow:
    """One clip: `class_ids` or `answers` holds every answer, most frequent first; `failed` counts failed runs."""

    clip: str
    verdict: Verdict
    class_ids: tuple[int, ...]
    target: int | None
    runs: int
    failed: int
    invoke: Spread | None
    post_process_median_ms: float | None
    start_load_io_median_ms: float | None = None
    warm_median_ms: float | None = None
    real_time_factor: float | None = None
    answers: tuple[Answer, ...] = ()


def clip_rows(record: RunRecord, summary: Summary | None) -> tuple[ClipRow, ...]:
    """A row a clip, in the order of the record; clips of which every run failed come last."""
    failed = Counter(failure.clip for failure in record.failures)
    rows = [_answered(clip, failed.pop(clip.clip, 0)) for clip in summary.clips] if summary else []
    rows += [
        ClipRow(
            clip=clip,
            verdict="failed",
            class_ids=(),
            target=record.targets.get(clip),
            runs=count,
            failed=count,
            invoke=None,
            post_process_median_ms=None,
        )
        for clip, count in failed.items()
    ]
    return tuple(rows)


def worst(rows: tuple[ClipRow, ...], count: int) -> list[ClipRow]:
    """Those wrong, unsteady or failed: the worst verdict first, then the most failed runs, then by name."""
    order = list(VERDICTS)
    bad = [row for row in rows if row.verdict in ("wrong", "mixed", "failed") or row.failed]
    return sorted(bad, key=lambda row: (order.index(row.verdict), -row.failed, row.clip))[:count]


def _answered(clip: ClipSummary, failed: int) -> ClipRow:
    return ClipRow(
        clip=clip.clip,
        verdict=_verdict(clip),
        class_ids=clip.class_ids,
        target=clip.target,
        runs=clip.runs + failed,
        failed=failed,
        invoke=clip.invoke,
        post_process_median_ms=clip.post_process_median_ms,
        start_load_io_median_ms=clip.start_load_io_median_ms,
        warm_median_ms=clip.warm_median_ms,
        real_time_factor=clip.real_time_factor,
        answers=clip.answers,
    )


def _verdict(clip: ClipSummary) -> Verdict:
    if clip.target is None or clip.answers:
        return "mixed" if len(clip.answers) > 1 else "unjudged"
    if clip.target not in clip.class_ids:
        return "wrong"
    return "right" if len(clip.class_ids) == 1 else "mixed"
