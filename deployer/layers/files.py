"""What a comparison by layers leaves behind: JSON, the vendor's lines, and tensors."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from board_runner.contract import Array
from board_runner.errors import UsageError
from deployer.layers.measure import Errors
from deployer.layers.report import LayerReport, LayerRow
from toolchain_wrappers import intake
from toolchain_wrappers.intake import Fault
from toolchain_wrappers.sigmastar import layer_lines
from toolchain_wrappers.sigmastar.layer_lines import LayerLine

JSON, LINES, PLOT = "layers.json", "layers.txt", "layers.svg"

_SAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST_NAME = 120


def as_data(report: LayerReport) -> dict[str, Any]:
    """Everything but the tensors; an infinite SQNR is null with `equal` true, an infinite jump null."""
    whole = asdict(report)
    whole["rows"] = [_row(row) for row in report.rows]
    if report.jump is not None and math.isinf(report.jump.factor):
        whole["jump"]["factor"] = None
    return whole


def parse(fields: Mapping[str, Any], place: str) -> LayerReport:
    """What `as_data` made, back as a report; raises UsageError naming `place` and the field that is wrong."""
    try:
        rows = [
            {**row, **{key: _parsed(row[key]) for key in ("accumulated", "single")}} for row in fields["rows"]
        ]
        return intake.record(LayerReport, {**fields, "rows": rows, "jump": None})  # which is found in them
    except Fault as e:
        raise UsageError(f"{place}: no report on layers: {e}") from e
    except (KeyError, TypeError) as e:
        raise UsageError(f"{place}: no report on layers ({e!r})") from e


def lines(report: LayerReport) -> str:
    """The vendor's form, in the order of execution: accumulated errors."""
    return layer_lines.text(
        LayerLine(
            name=layer_lines.line_name(row.index, row.name),
            op=row.op.upper(),
            mse=row.accumulated.mse,
            cosine=row.accumulated.cosine,
            rmse=row.accumulated.rmse,
        )
        for row in report.rows
    )


def write(report: LayerReport, folder: Path) -> list[Path]:
    """`layers.json`, `layers.txt` and `layers.svg`. Raises UsageError where matplotlib is not installed."""
    from deployer.layers import plot

    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(as_data(report), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / JSON).write_text(text + "\n", encoding="utf-8")
    (folder / LINES).write_text(lines(report), encoding="utf-8")
    return [folder / JSON, folder / LINES, plot.draw(report, folder / PLOT)]


class Keeper:
    """Keeps tensors: `CLIP/0014_layer.npz` with `reference`, `candidate` and, where there is one, `single`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, clip: str, index: int, layer: str, tensors: Mapping[str, Array]) -> None:
        """Write one layer of one clip."""
        folder = self._folder / _safe(Path(clip).stem)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / f"{index:04d}_{_safe(layer)}.npz", allow_pickle=False, **tensors)


def _safe(name: str) -> str:
    return _SAFE.sub("_", name).strip("_")[-_LONGEST_NAME:] or "_"


def _parsed(errors: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if errors is None:
        return None
    return {**errors, "sqnr_db": math.inf if errors["equal"] else errors["sqnr_db"]}


def _row(row: LayerRow) -> dict[str, Any]:
    data = asdict(row)
    for key, errors in (("accumulated", row.accumulated), ("single", row.single)):
        data[key] = None if errors is None else _errors(errors)
    return data | {"suspicious": row.suspicious, "marks": list(row.marks)}


def _errors(errors: Errors) -> dict[str, Any]:
    equal = errors.sqnr_db == math.inf
    return asdict(errors) | {"sqnr_db": None if equal else errors.sqnr_db, "equal": equal}
