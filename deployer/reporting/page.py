"""What a report shows, before it has a form: runs with their figures, comparisons of stages, layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from deployer.comparison.decisions import interval
from deployer.layers.report import LayerReport
from deployer.records import RunRecord
from deployer.reporting import repeat
from deployer.reporting.clips import ClipRow, clip_rows
from deployer.reporting.confusion import Confusion, confusion
from deployer.reporting.stages import Stages
from deployer.statistics import Summary, summarise


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A figure of the summary; `note` says more, `tone` whether it is good or bad news."""

    name: str
    value: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, kw_only=True)
class RunView:
    """One record with what follows from it; all of it computed once."""

    record: RunRecord
    summary: Summary | None
    rows: tuple[ClipRow, ...]
    tiles: tuple[Tile, ...]

    @classmethod
    def of(cls, record: RunRecord) -> RunView:
        """Summarise a record."""
        summary = summarise(record)
        return cls(
            record=record,
            summary=summary,
            rows=clip_rows(record, summary),
            tiles=tuple(_tiles(record, summary)),
        )

    @property
    def title(self) -> str:
        """`eat on desk`."""
        return f"{self.record.model} on {self.record.board.name}"

    @property
    def command(self) -> str:
        """What makes it once more."""
        return repeat.command(self.record)

    @cached_property
    def confusion(self) -> Confusion | None:
        """By each clip's most frequent answer."""
        return confusion(self.rows, self.record.labels)


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything that one report shows."""

    runs: tuple[RunView, ...] = ()
    stages: tuple[Stages, ...] = ()
    layers: tuple[LayerReport, ...] = field(default=())

    @property
    def title(self) -> str:
        """What the page is of, in a line."""
        names = list(dict.fromkeys(run.title for run in self.runs))
        if len(names) == 1:
            return names[0]
        if names:
            return f"{len(self.runs)} runs"
        return "Comparison of stages" if self.stages else "Layers"


def page(
    records: Sequence[RunRecord] = (), stages: Sequence[Stages] = (), layers: Sequence[LayerReport] = ()
) -> Page:
    """Summarise what was found."""
    return Page(runs=tuple(RunView.of(r) for r in records), stages=tuple(stages), layers=tuple(layers))


def percent(share: float) -> str:
    """`90.0 %`."""
    return f"{100 * share:.1f} %"


def accuracy_text(summary: Summary) -> str:
    """`9 of 10 clips right (90 %)`, or why there is no such figure."""
    if summary.accuracy is None:
        return "unknown: no class id in the file names"
    return f"{summary.correct} of {summary.judged} clips right ({summary.accuracy:.0%})"


def _tiles(record: RunRecord, summary: Summary | None) -> list[Tile]:
    if summary is None:
        return [_runs(record)]
    invoke = summary.invoke
    tiles = [
        _accuracy(summary),
        Tile(
            name="invoke time, median",
            value=f"{invoke.median_ms:.3f} ms",
            note=f"{invoke.min_ms:.3f} to {invoke.max_ms:.3f} ms",
        ),
        Tile(name="invoke time, p95", value=f"{invoke.p95_ms:.3f} ms", note=f"p90 {invoke.p90_ms:.3f} ms"),
        Tile(name="post process, median", value=f"{summary.post_process.median_ms:.3f} ms"),
        Tile(name="throughput", value=f"{summary.clips_per_s:.2f} clips/s"),
    ]
    if summary.real_time_factor is not None:
        tiles.append(
            Tile(name="real-time factor", value=f"{summary.real_time_factor:.4f}", note="below 1 keeps up")
        )
    if summary.start_load_io is not None:
        tiles.append(
            Tile(
                name="start, load and I/O",
                value=f"{summary.start_load_io.median_ms:.1f} ms",
                note="median a run, apart from the above",
            )
        )
    return [*tiles, _runs(record)]


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


def _runs(record: RunRecord) -> Tile:
    failed = len(record.failures)
    warm_up = sum(sample.warm_up for sample in record.samples)
    note = f"{failed} failed" if failed else "none failed"
    return Tile(
        name="runs",
        value=f"{len(record.samples) + failed}",
        note=f"{note}; {warm_up} of them warm-up" if warm_up else note,
        tone="bad" if failed else "",
    )
