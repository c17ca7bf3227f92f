"""What a user names -> what a report is made of: records, comparisons of stages, layers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from board_runner.errors import UsageError
from deployer import records
from deployer.evaluation import record as evaluation
from deployer.evaluation.record import EvalRecord
from deployer.history import History
from deployer.layers import files as layer_files
from deployer.layers.report import LayerReport
from deployer.records import RunRecord
from deployer.reporting import stages
from deployer.reporting.page import Page, page
from deployer.reporting.stages import Stages


def gather(wanted: Sequence[str], history: History, *, runs_alone: bool = False) -> Page:
    """Runs by id, its beginning, tag or file, and JSON files of `compare-sim`; the newest run where none is named.

    With `runs_alone` the newest is no evaluation: for a form that is asked for its runs first.

    Raises UsageError for a file that is none of these, MissingArtifact for a run that is not there.
    """
    runs: list[RunRecord] = []
    compared: list[Stages] = []
    layers: list[LayerReport] = []
    evaluations: list[EvalRecord] = []
    for each in wanted or (None,):
        place, fields = _found(each, history, runs_alone=runs_alone)
        if "samples" in fields:
            runs.append(records.of_fields(fields, place=place))
        elif fields.get("kind") == evaluation.KIND:
            evaluations.append(evaluation.of_fields(fields, place=place))
        elif "comparison" in fields or "comparisons" in fields:
            compared.append(stages.parse(fields.get("comparison", fields), place))
        elif "layers" in fields or "rows" in fields:
            layers.append(layer_files.parse(fields.get("layers", fields), place))
        else:
            raise UsageError(
                f"{place}: nothing that a report shows",
                hint="a record, the JSON of `deploy compare-sim --json`, or a layers.json",
            )
    return page(runs, compared, layers, evaluations)


def _found(wanted: str | None, history: History, *, runs_alone: bool) -> tuple[str, dict[str, Any]]:
    if wanted is None:
        fields = history.fields(kinds=records.KINDS if runs_alone else (*records.KINDS, evaluation.KIND))
    elif (path := Path(wanted)).is_file():
        return wanted, _fields(path)
    else:
        fields = history.fields(wanted)
    return f"{history.path}: {fields['id']}", fields


def _fields(path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as e:
        raise UsageError(f"{path}: not a run record ({e})") from e
    if not isinstance(fields, dict):
        raise UsageError(f"{path}: not a run record (no JSON object)")
    return fields
