"""What a bench says of itself, kept in its record: is it steady, how sure is its median, what showed the turns."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from deployer.errors import CheckFailed
from deployer.measuring import gate, steadiness, warmth
from deployer.measuring.intervals import median_interval
from deployer.measuring.request import Request
from deployer.records import RunRecord

LIMIT = 0.05
"""Of a comparison in turns, unless `--fail-above` says otherwise."""


def into(record: RunRecord, request: Request) -> RunRecord:
    """The record with `measured` filled in: `steady`, `interval`, and of a bench in turns what they showed."""
    counted = record.counted
    judged = steadiness.judge(counted)
    found: dict[str, Any] = {"steady": judged.steady, "not_steady": list(judged.reasons)}
    found["outliers"] = judged.outliers
    # Each run by the median of its clip: that clips differ in length makes no median less sure.
    interval = median_interval(steadiness.relative(steadiness.repeated(counted)))
    if interval is not None:
        median_ms = float(np.median([s.invoke_ms for s in counted]))
        found["invoke_median_ms"] = median_ms
        found["invoke_interval_ms"] = [median_ms * interval.low, median_ms * interval.high]
        found["interval_by"] = interval.method
    try:
        if request.noise_floor:
            found["noise_floor"] = gate.noise_floor(record.started)
        elif request.against is not None:
            names = ("this model", request.against.name)
            found["against"] = as_data(gate.of_turns(record.started, limit=LIMIT, names=names))
    except CheckFailed as e:
        found["not_compared"] = str(e)
    if (warm := warmth.of(record)) is not None:
        found["in_process"] = dataclasses.asdict(warm)
    return dataclasses.replace(record, measured={**record.measured, **found})


def as_data(comparison: gate.Comparison) -> dict[str, Any]:
    """A comparison as plain data."""
    return {
        **dataclasses.asdict(comparison),
        "verdict": comparison.verdict.value,
        "notes": list(comparison.notes),
        "runs_needed": comparison.runs_needed,
    }


def lines(record: RunRecord) -> list[str]:
    """The findings in words, for under the table."""
    found = record.measured
    said = []
    if "invoke_interval_ms" in found:
        low, high = found["invoke_interval_ms"]
        said.append(f"median         {low:.3f} to {high:.3f} ms at 95 % ({found['interval_by']})")
    if found.get("steady") is False:
        said += [f"not steady     {reason}" for reason in found["not_steady"]]
    elif found.get("steady") is None:
        wanted = f"{steadiness.LEAST_RUNS} are wanted, {steadiness.LEAST_EACH} of a clip"
        said.append(f"steady?        too few runs to tell: {wanted}")
    if "noise_floor" in found:
        said.append(f"noise floor    {found['noise_floor']:.2%}: smaller differences are this board's own")
    if (warm := warmth.of(record)) is not None:
        said.append(f"in one process {warm.in_words}")
        said += [f"               {warm.apart_in_words}"] if warm.apart_in_words else []
    elif "not_in_process" in found:
        said.append(f"in one process not measured: {found['not_in_process']}")
    if "not_compared" in found:
        said.append(f"not compared   {found['not_compared']}")
    return said
