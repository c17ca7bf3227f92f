"""The same as plain data, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from deployer.records import RunRecord
from deployer.statistics import Summary, summarise

if TYPE_CHECKING:  # every command that keeps a run shows it as data
    from deployer.reporting.page import Page


def of_record(record: RunRecord, summary: Summary | None = None) -> dict[str, Any]:
    """The record and its summary."""
    summary = summary or summarise(record)
    figures = None if summary is None else {**asdict(summary), "accuracy": summary.accuracy}
    return {"record": asdict(record), "summary": figures}


def as_data(page: Page) -> dict[str, Any]:
    """One run as `of_record` has it; anything more as lists of `runs`, `evaluations`, `stages` and `layers`."""
    from deployer.layers import files as layer_files

    runs = [of_record(view.record, view.summary) for view in page.runs]
    evaluations = [asdict(view.record) for view in page.evaluations]
    if len(runs) == 1 and not (evaluations or page.stages or page.layers):
        return runs[0]
    return {
        "runs": runs,
        "evaluations": evaluations,
        "stages": [asdict(each) for each in page.stages],
        "layers": [layer_files.as_data(each) for each in page.layers],
    }
