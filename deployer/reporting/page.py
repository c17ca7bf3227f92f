"""What a report shows, before it has a form: runs with their figures, comparisons of stages, layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from deployer.evaluation.record import EvalRecord
from deployer.layers.report import LayerReport
from deployer.records import RunRecord
from deployer.reporting import findings, repeat
from deployer.reporting.clips import ClipRow, clip_rows
from deployer.reporting.confusion import Confusion, confusion
from deployer.reporting.evaluations import EvalView
from deployer.reporting.findings import Findings
from deployer.reporting.stages import Stages
from deployer.reporting.tiles import Tile, tiles
from deployer.statistics import Summary, summarise


@dataclass(frozen=True, kw_only=True)
class RunView:
    """One record with what follows from it; all of it computed once."""

    record: RunRecord
    summary: Summary | None
    rows: tuple[ClipRow, ...]
    tiles: tuple[Tile, ...]
    findings: Findings

    @classmethod
    def of(cls, record: RunRecord) -> RunView:
        """Summarise a record."""
        summary, found = summarise(record), findings.of(record)
        return cls(
            record=record,
            summary=summary,
            rows=clip_rows(record, summary),
            tiles=tuple(tiles(record, summary, found.invoke_interval_ms)),
            findings=found,
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
    evaluations: tuple[EvalView, ...] = ()
    stages: tuple[Stages, ...] = ()
    layers: tuple[LayerReport, ...] = field(default=())

    @property
    def name(self) -> str:
        """For a file: the id of the first record."""
        records = [*(view.record.id for view in self.runs), *(view.record.id for view in self.evaluations)]
        return records[0] if records else "report"

    @property
    def title(self) -> str:
        """What the page is of, in a line."""
        names = list(dict.fromkeys(run.title for run in self.runs))
        if len(names) == 1:
            return names[0]
        if names:
            return f"{len(self.runs)} runs"
        if self.evaluations:
            return self.evaluations[0].title if len(self.evaluations) == 1 else "Evaluations"
        return "Comparison of stages" if self.stages else "Layers"


def page(
    records: Sequence[RunRecord] = (),
    stages: Sequence[Stages] = (),
    layers: Sequence[LayerReport] = (),
    evaluations: Sequence[EvalRecord] = (),
) -> Page:
    """Summarise what was found."""
    return Page(
        runs=tuple(RunView.of(record) for record in records),
        evaluations=tuple(EvalView(record) for record in evaluations),
        stages=tuple(stages),
        layers=tuple(layers),
    )
