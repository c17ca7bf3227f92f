"""Whether an evaluation is good enough, for a CI."""

from __future__ import annotations

from dataclasses import dataclass

from board_runner.errors import UsageError
from deployer.errors import CheckFailed
from deployer.evaluation.record import EvalRecord


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The least a metric may be where higher is better, the most where lower is."""

    least: float | None = None
    most: float | None = None


def check(limits: Limits, *, metric: str, higher_is_better: bool) -> None:
    """Raise UsageError for a limit that this metric cannot have."""
    if higher_is_better and limits.most is not None:
        raise UsageError(f"{metric}: higher is better", hint="give --min-metric")
    if not higher_is_better and limits.least is not None:
        raise UsageError(f"{metric}: lower is better", hint="give --max-metric")


def require(record: EvalRecord, limits: Limits) -> None:
    """Raise CheckFailed where a stage does not hold its limit, UsageError for a limit of the other kind."""
    for stage in record.stages:  # asked so that NaN holds no limit
        found = stage.measured
        check(limits, metric=found.metric, higher_is_better=found.higher_is_better)
        if limits.least is not None and not found.value >= limits.least:
            raise CheckFailed(f"{stage.stage}: {found.metric} {found.value:.4f} is below {limits.least:g}")
        if limits.most is not None and not found.value <= limits.most:
            raise CheckFailed(f"{stage.stage}: {found.metric} {found.value:.4f} is above {limits.most:g}")
