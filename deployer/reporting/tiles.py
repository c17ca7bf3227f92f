"""The figures at the head of a report."""

from __future__ import annotations

from dataclasses import dataclass

from deployer.comparison.decisions import interval
from deployer.records import RunRecord
from deployer.statistics import Summary


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A figure of the summary; `note` says more, `tone` whether it is good or bad news."""

    name: str
    value: str
    note: str = ""
    tone: str = ""


def percent(share: float) -> str:
    """`90.0 %`."""
    return f"{100 * share:.1f} %"


def accuracy_text(summary: Summary) -> str:
    """`9 of 10 clips right (90 %)`, or why there is no such figure."""
    if summary.accuracy is None:
        return "unknown: no class id in the file names"
    return f"{summary.correct} of {summary.judged} clips right ({summary.accuracy:.0%})"


def offline_text(record: RunRecord) -> str:
    """Of a model without classes: how many answers are the offline simulator's, to the bit."""
    told = [answer for answer in record.answers if answer.offline_equal is not None]
    same = sum(answer.offline_equal is True for answer in told)
    return f"{same} of {len(told)} answers are the offline simulator's, bit for bit"


def ms_text(value_ms: float | None) -> str:
    """`57.121 ms`, or that there were too few runs for such a figure."""
    return "too few runs" if value_ms is None else f"{value_ms:.3f} ms"


def tiles(
    record: RunRecord, summary: Summary | None, interval_ms: tuple[float, float] | None = None
) -> list[Tile]:
    """Of a bench, a run or a parsed log; `interval_ms` is the median's, at 95 %."""
    if summary is None:
        return [_runs(record)]
    invoke = summary.invoke
    extremes = f"{invoke.min_ms:.3f} to {invoke.max_ms:.3f} ms"
    sure = f"95 % interval {interval_ms[0]:.3f} to {interval_ms[1]:.3f} ms; all " if interval_ms else ""
    found = [
        _answers(record) if record.answers else _accuracy(summary),
        Tile(
            name="invoke time, median",
            value=f"{invoke.median_ms:.3f} ms",
            note=f"{sure}{extremes}",
        ),
        Tile(
            name="invoke time, p95",
            value=ms_text(invoke.p95_ms),
            note=f"p90 {ms_text(invoke.p90_ms)}" if invoke.p90_ms is not None else "",
        ),
        Tile(name="post process, median", value=f"{summary.post_process.median_ms:.3f} ms"),
        Tile(name="throughput", value=f"{summary.clips_per_s:.2f} clips/s"),
    ]
    if summary.real_time_factor is not None:
        found.append(
            Tile(name="real-time factor", value=f"{summary.real_time_factor:.4f}", note="below 1 keeps up")
        )
    if summary.first_chunk is not None:
        found.append(Tile(name="first chunk, median", value=f"{summary.first_chunk.median_ms:.3f} ms"))
    if summary.start_load_io is not None:
        found.append(
            Tile(
                name="start, load and I/O",
                value=f"{summary.start_load_io.median_ms:.1f} ms",
                note="median a run, apart from the above",
            )
        )
    return [*found, _runs(record)]


def _accuracy(summary: Summary) -> Tile:
    if summary.accuracy is None:
        return Tile(name="accuracy", value="unknown", note="no class id in the file names")
    low, high = interval(summary.correct, summary.judged)
    return Tile(
        name="accuracy",
        value=percent(summary.accuracy),
        note=f"{summary.correct} of {summary.judged} clips; 95 % interval {100 * low:.1f} to {percent(high)}",
        tone="good" if summary.correct == summary.judged else "",
    )


def _answers(record: RunRecord) -> Tile:
    if all(answer.offline_equal is None for answer in record.answers):
        note = "not compared with the offline simulator's"
        return Tile(name="answers", value=f"{len(record.answers)}", note=note)
    cosines = [answer.offline_cosine for answer in record.answers if answer.offline_cosine is not None]
    return Tile(
        name="least cosine with offline" if cosines else "answers",
        value=f"{min(cosines):.6f}" if cosines else f"{len(record.answers)}",
        note=offline_text(record),
        tone="bad" if any(answer.offline_equal is False for answer in record.answers) else "good",
    )


def _runs(record: RunRecord) -> Tile:
    failed = len(record.failures)
    warm_up = sum(sample.warm_up for sample in record.started)
    note = f"{failed} failed" if failed else "none failed"
    return Tile(
        name="runs",
        value=f"{len(record.started) + failed}",
        note=f"{note}; {warm_up} of them warm-up" if warm_up else note,
        tone="bad" if failed else "",
    )
