"""Tables of the page: columns that can be sorted, rows as plain values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deployer.labels import shown
from deployer.layers.measure import Errors
from deployer.layers.report import LayerReport
from deployer.reporting.clips import VERDICTS, ClipRow
from deployer.reporting.confusion import Confusion
from deployer.reporting.said import says

Value = str | float | int | None

STATIC_ROWS = 100
"""Rows that are in the HTML itself: what is there without scripts. All of them are in the table's data."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column's heading; numbers are shown with `digits` decimals, a badge is a word with a colour."""

    name: str
    kind: Literal["text", "number", "badge"] = "text"
    digits: int = 0
    order: tuple[str, ...] = ()
    """Words of a badge, as they sort."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of as many values as there are columns; the first heads its row."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    filters: bool = False

    @property
    def static(self) -> tuple[tuple[Value, ...], ...]:
        """What stands in the HTML."""
        return self.rows[:STATIC_ROWS]

    def text(self, column: Column, value: Value) -> str:
        """One cell."""
        if value is None:
            return "–"
        return f"{value:.{column.digits}f}" if column.kind == "number" else str(value)


def clip_table(rows: Sequence[ClipRow], labels: Sequence[str]) -> Table:
    """A row a clip, worst verdict first; times in milliseconds, to a microsecond."""
    verdicts = tuple(VERDICTS)
    more = [column for column in _MORE if any(_more(row, column) is not None for row in rows)]
    times = tuple(
        Column(name=name, kind="number", digits=3) for name in ("min", "median", "p90", "p95", "max", "post")
    )
    return Table(
        caption="Clips, the worst first; times in milliseconds",
        columns=(
            Column(name="clip"),
            Column(name="verdict", kind="badge", order=verdicts),
            Column(name="says"),
            Column(name="should be"),
            Column(name="runs", kind="number"),
            Column(name="failed", kind="number"),
            *times,
            *more,
        ),
        rows=tuple(
            (*_clip(row, labels), *(_more(row, column) for column in more))
            for row in sorted(rows, key=lambda row: verdicts.index(row.verdict))
        ),
        filters=True,
    )


_MORE = (
    Column(name="warm", kind="number", digits=3),
    Column(name="start, I/O", kind="number", digits=1),
    Column(name="real time", kind="number", digits=4),
)
"""Columns that are there where something is known for them: not of a parsed log, say."""


def _more(row: ClipRow, column: Column) -> float | None:
    known = {
        "warm": row.warm_median_ms,
        "start, I/O": row.start_load_io_median_ms,
        "real time": row.real_time_factor,
    }[column.name]
    return None if known is None else round(known, column.digits)


def class_table(found: Confusion, caption: str = "Classes") -> Table:
    """Precision, recall and F1 a class."""
    ratios = tuple(Column(name=name, kind="number", digits=3) for name in ("precision", "recall", "F1"))
    counts = tuple(Column(name=name, kind="number") for name in ("clips", "answers", "right"))
    return Table(
        caption=caption,
        columns=(Column(name="class"), *counts, *ratios),
        rows=tuple(
            (row.name, row.support, row.answers, row.hits, row.precision, row.recall, row.f1)
            for row in found.classes
        ),
    )


def layer_table(report: LayerReport) -> Table:
    """A row a layer, in the order of execution."""
    return Table(
        caption=f"Layers of {report.candidate} against {report.reference}, in the order of execution",
        columns=(
            Column(name="layer"),
            Column(name="place", kind="number"),
            Column(name="operator"),
            Column(name="cosine", kind="number", digits=6),
            Column(name="RMSE", kind="number", digits=4),
            Column(name="SQNR, dB", kind="number", digits=1),
            Column(name="single, dB", kind="number", digits=1),
            Column(name="mark"),
        ),
        rows=tuple(
            (
                row.name,
                row.index,
                row.op,
                row.accumulated.cosine,
                row.accumulated.rmse,
                _decibels(row.accumulated),
                _decibels(row.single),
                ", ".join(row.marks) or ("equal" if row.accumulated.noise_ratio == 0 else ""),
            )
            for row in report.rows
        ),
    )


def _clip(row: ClipRow, labels: Sequence[str]) -> tuple[Value, ...]:
    head = (row.clip, row.verdict, says(row, labels), shown(row.target, labels), row.runs, row.failed)
    if row.invoke is None:
        return (*head, None, None, None, None, None, None)
    spread = row.invoke
    times = (spread.min_ms, spread.median_ms, spread.p90_ms, spread.p95_ms, spread.max_ms)
    return (*head, *(_rounded(t) for t in (*times, row.post_process_median_ms)))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _decibels(errors: Errors | None) -> float | None:
    known = errors is not None and errors.sqnr_db is not None and math.isfinite(errors.sqnr_db)
    return errors.sqnr_db if known and errors is not None else None
