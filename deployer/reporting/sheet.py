"""Every sample as a row of CSV, for a spreadsheet or a data frame."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterator, Sequence
from typing import Any

from board_runner.errors import UsageError
from deployer.records import Failure, RunRecord, Sample
from deployer.reporting import sheet_parts
from deployer.reporting.legible import legible
from deployer.reporting.page import Page

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""

_OF_SAMPLE = tuple(each.name for each in dataclasses.fields(Sample) if each.name != "class_id")
_OF_FAILURE = ("reason", "exit_status", "timed_out")

COLUMNS = (
    *("run_id", "created", "model", "board", "chip"),
    *_OF_SAMPLE,
    *("class_id", "label", "target", "target_label", "right"),
    *_OF_FAILURE,
)


def as_csv(page: Page) -> str:
    """A row a sample, and a row a failed run, with a `reason` and no times; RFC 4180, with a line of names.

    A text that a spreadsheet would compute gets an apostrophe before it. Of a page without runs: a row a stage
    of an evaluation, a pair of stages, or a layer. Raises UsageError for two of these, whose columns differ.
    """
    tables = [table for table in _tables(page) if table[1]]
    if len(tables) > 1:
        raise UsageError(
            "one file of CSV is one table: runs, evaluations, stages and layers have other columns each",
            hint="name those of one kind; --format json and html take all",
        )
    ((columns, rows),) = tables or [(COLUMNS, [])]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _safe(value) for key, value in row.items()})
    return legible(out.getvalue())


def _tables(page: Page) -> Iterator[tuple[Sequence[str], Sequence[dict[str, Any]]]]:
    runs = [_row(view.record, each) for view in page.runs for each in _started(view.record)]
    yield COLUMNS, runs
    yield sheet_parts.EVAL_COLUMNS, sheet_parts.of_evaluations(page.evaluations)
    yield sheet_parts.STAGE_COLUMNS, sheet_parts.of_stages(page.stages)
    layers = sheet_parts.of_layers(page.layers)
    yield tuple(layers[0]) if layers else (), layers


def _started(record: RunRecord) -> Sequence[Sample | Failure]:
    return [*record.samples, *record.failures]


def _row(record: RunRecord, each: Sample | Failure) -> dict[str, Any]:
    target = record.targets.get(each.clip)
    row = {
        "run_id": record.id,
        "created": record.created,
        "model": record.model,
        "board": record.board.name,
        "chip": record.board.chip,
        "target": target,
        "target_label": _label(target, record),
    }
    names = (*_OF_SAMPLE, "class_id", *_OF_FAILURE)
    row |= {name: getattr(each, name) for name in names if hasattr(each, name)}
    if isinstance(each, Sample):
        row["label"] = _label(each.class_id, record)
        row["right"] = None if target is None or each.class_id is None else each.class_id == target
    return row


def _label(class_id: int | None, record: RunRecord) -> str | None:
    known = class_id is not None and 0 <= class_id < len(record.labels)
    return record.labels[class_id] if known and class_id is not None else None


def _safe(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
