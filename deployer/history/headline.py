"""The few figures of a run that a list or a trend shows, so that neither has to read every record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from board_runner.errors import UsageError
from deployer import records

_MODELS = "models/"
_AGAINST = "models/against.img"  # the other one of a bench in turns


@dataclass(frozen=True, kw_only=True)
class Headline:
    """None for what this kind of run does not have.

    `runs` gave a result, `failed` gave none. `median_ms` is of the invoke time, `low_ms` to `high_ms` its interval
    at 95 %, `steady` whether it means something. `metric` is what the model's figure of merit is called and `value`
    what it was, in the last stage where there are several. `tool_version` is deploy's, `model_sha256` that of what
    was run.
    """

    runs: int | None = None
    failed: int | None = None
    median_ms: float | None = None
    low_ms: float | None = None
    high_ms: float | None = None
    steady: bool | None = None
    metric: str | None = None
    value: float | None = None
    tool_version: str | None = None
    model_sha256: str | None = None


def of_fields(fields: Mapping[str, Any]) -> Headline:
    """Of a record's JSON; a kind that is not known here, or a damaged record, has an empty one."""
    try:
        if fields.get("kind") in records.KINDS:
            return of_run(records.of_fields(dict(fields), place=""))
        last = fields["stages"][-1]
        clips, measured = fields["dataset"]["clips"], last["measured"]
        return Headline(
            runs=int(clips),
            metric=str(measured["metric"]),
            value=float(measured["value"]),
            tool_version=_text(fields.get("tool_version")),
            model_sha256=_text(last.get("model_sha256")),
        )
    except (UsageError, KeyError, IndexError, TypeError, ValueError, AttributeError):
        return Headline()


def of_run(record: records.RunRecord) -> Headline:
    """Of a bench, run or parsed log."""
    from deployer.statistics import summarise  # brings numpy, and reading a list needs none

    around = beside(record.measured, record.sha256, record.tool_version)
    summary = summarise(record)
    if summary is None:
        return Headline(runs=0, failed=len(record.failures), **around)
    return Headline(
        runs=len(record.counted),
        failed=len(record.failures),
        median_ms=summary.invoke.median_ms,
        metric="accuracy" if summary.accuracy is not None else None,
        value=summary.accuracy,
        **around,
    )


def beside(measured: Any, sha256: Any, tool_version: Any) -> dict[str, Any]:
    """What is not computed but stands in a run's record, by Headline's names; None for what is damaged."""
    measured = measured if isinstance(measured, Mapping) else {}
    low_ms, high_ms = _interval(measured.get("invoke_interval_ms"))
    steady = measured.get("steady")
    names = sha256 if isinstance(sha256, Mapping) else {}
    models = [names[name] for name in names if name.startswith(_MODELS) and name != _AGAINST]
    return {
        "low_ms": low_ms,
        "high_ms": high_ms,
        "steady": steady if isinstance(steady, bool) else None,
        "tool_version": _text(tool_version),
        "model_sha256": _text(models[0]) if models else None,
    }


def _interval(value: Any) -> tuple[float | None, float | None]:
    try:
        low_ms, high_ms = (float(each) for each in value)
    except (TypeError, ValueError):
        return None, None
    return (low_ms, high_ms) if math.isfinite(low_ms) and math.isfinite(high_ms) else (None, None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
