"""Rows of CSV of what is no run: a row a pair of stages, a stage of an evaluation, a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deployer.layers.report import LayerReport
from deployer.reporting.evaluations import EvalView
from deployer.reporting.stages import Stages
from deployer.reporting.tabular import layer_table

STAGE_COLUMNS = (
    *("reference", "candidate", "passed", "cosine_min", "rmse_max", "sqnr_db", "equal"),
    *("top1_agreement", "worst_clip", "flips", "failures"),
)
EVAL_COLUMNS = (
    *("run_id", "created", "model", "board", "dataset", "folds", "clips"),
    *("stage", "metric", "value", "right", "low", "high", "macro_f1"),
)


def of_stages(all_compared: Sequence[Stages]) -> list[dict[str, Any]]:
    """By STAGE_COLUMNS; `flips` counts the clips that are decided otherwise."""
    rows = []
    for row in (row for compared in all_compared for row in compared.comparisons):
        named = {name: getattr(row, name) for name in STAGE_COLUMNS}
        rows.append({**named, "flips": len(row.flips), "failures": "; ".join(row.failures)})
    return rows


def of_evaluations(views: Sequence[EvalView]) -> list[dict[str, Any]]:
    """By EVAL_COLUMNS; `low` and `high` are the interval of an accuracy, at 95 %."""
    rows = []
    for record in (view.record for view in views):
        for stage in record.stages:
            classes = stage.measured.classes
            row = {
                "run_id": record.id,
                "created": record.created,
                "model": record.model,
                "board": record.board.name if record.board is not None else None,
                "dataset": record.dataset.path,
                "folds": " ".join(record.dataset.folds),
                "clips": record.dataset.clips,
                "stage": stage.stage,
                "metric": stage.measured.metric,
                "value": stage.measured.value,
            }
            if classes is not None:
                low, high = classes.interval
                row |= {"right": classes.right, "low": low, "high": high, "macro_f1": classes.macro_f1}
            rows.append(row)
    return rows


def of_layers(reports: Sequence[LayerReport]) -> list[dict[str, Any]]:
    """The table of the report, with what was held against what before it."""
    rows = []
    for report in reports:
        table = layer_table(report)
        names = [column.name for column in table.columns]
        held = {"reference": report.reference, "candidate": report.candidate}
        rows += [{**held, **dict(zip(names, row, strict=True))} for row in table.rows]
    return rows
