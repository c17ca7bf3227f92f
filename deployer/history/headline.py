"""The few figures of a run that a list or a trend shows, so that neither has to read every record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from board_runner.errors import UsageError
from deployer import records


@dataclass(frozen=True, kw_only=True)
class Headline:
    """None for what this kind of run does not have.

    `runs` gave a result, `failed` gave none. `median_ms` is of the invoke time. `metric` is what the model's figure
    of merit is called and `value` what it was, in the last stage where there are several.
    """

    runs: int | None = None
    failed: int | None = None
    median_ms: float | None = None
    metric: str | None = None
    value: float | None = None


def of_fields(fields: Mapping[str, Any]) -> Headline:
    """Of a record's JSON; a kind that is not known here, or a damaged record, has an empty one."""
    try:
        if fields.get("kind") in records.KINDS:
            return of_run(records.of_fields(dict(fields), place=""))
        last = fields["stages"][-1]["measured"]
        clips = fields["dataset"]["clips"]
        return Headline(runs=int(clips), metric=str(last["metric"]), value=float(last["value"]))
    except (UsageError, KeyError, IndexError, TypeError, ValueError):
        return Headline()


def of_run(record: records.RunRecord) -> Headline:
    """Of a bench, run or parsed log."""
    from deployer.statistics import summarise  # brings numpy, and reading a list needs none

    summary = summarise(record)
    if summary is None:
        return Headline(runs=0, failed=len(record.failures))
    return Headline(
        runs=len(record.counted),
        failed=len(record.failures),
        median_ms=summary.invoke.median_ms,
        metric="accuracy" if summary.accuracy is not None else None,
        value=summary.accuracy,
    )
