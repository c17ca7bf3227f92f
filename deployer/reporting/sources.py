"""What a user names -> what a report is made of: run records, comparisons of stages, layers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from board_runner.errors import UsageError
from deployer import records
from deployer.layers import files as layer_files
from deployer.layers.report import LayerReport
from deployer.records import RunRecord
from deployer.reporting import stages
from deployer.reporting.page import Page, page
from deployer.reporting.stages import Stages


def gather(wanted: Sequence[str], runs_dir: Path) -> Page:
    """Runs by id, the beginning of one, or file; and JSON files of `compare-sim`. The newest run where none is named.

    Raises UsageError for a file that is none of these, MissingArtifact for a run that is not there.
    """
    runs: list[RunRecord] = []
    compared: list[Stages] = []
    layers: list[LayerReport] = []
    for each in wanted or (None,):
        path = records.find(each, runs_dir)
        fields = _fields(path)
        if "samples" in fields or "version" in fields:
            runs.append(records.load(path))
        elif "comparison" in fields or "comparisons" in fields:
            compared.append(stages.parse(fields.get("comparison", fields), str(path)))
        elif "layers" in fields or "rows" in fields:
            layers.append(layer_files.parse(fields.get("layers", fields), str(path)))
        else:
            raise UsageError(
                f"{path}: nothing that a report shows",
                hint="a run record, the JSON of `deploy compare-sim --json`, or a layers.json",
            )
    return page(runs, compared, layers)


def _fields(path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise UsageError(f"{path}: not a run record ({e})") from e
    if not isinstance(fields, dict):
        raise UsageError(f"{path}: not a run record (no JSON object)")
    return fields
