"""Invoke times in the order in which they were measured, with the temperature where the board told it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from board_runner.contract import Array
from deployer.records import RunRecord, Sample
from deployer.reporting.figures.theme import ACCENT, WARN, Plot, plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 860.0
MANY, BINS = 1500, 300
"""Above so many samples they are drawn as so many bins, from each bin's least to its greatest."""


def timeline(record: RunRecord, *, name: str) -> Plot | None:
    """None for fewer than three samples: there is no course to see."""
    samples = [sample for sample in record.samples if sample.variant in ("", "a")]
    if len(samples) < 3:
        return None
    at, axis = _when(samples)
    times = np.array([sample.invoke_ms for sample in samples])
    warm = [
        (float(when), sample.temperature_c)
        for when, sample in zip(at, samples, strict=True)
        if sample.temperature_c is not None
    ]
    warm_ups = sum(sample.warm_up for sample in samples)

    def draw(figure: Figure) -> None:
        if warm:
            upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
            _temperature(lower, warm)
            lower.set_xlabel(axis)
        else:
            upper = figure.subplots()
            upper.set_xlabel(axis)
        _times(upper, at, times)

    caption = _caption(times[warm_ups:]) + _warmth([degrees for _, degrees in warm])
    if warm_ups:
        caption += f" The first {warm_ups} runs are warm-up and count nowhere else."
    height = 320.0 if warm else 230.0
    return plot(
        draw, name=name, title="In the order of the runs", caption=caption, width=WIDTH, height=height
    )


def _when(samples: Sequence[Sample]) -> tuple[Array, str]:
    started = [sample.started_s for sample in samples if sample.started_s is not None]
    if len(started) == len(samples):
        return np.array(started), "seconds since the bench began"
    return np.arange(1.0, len(samples) + 1), "run, in the order of measuring"


def _times(axes: Axes, at: Array, times: Array) -> None:
    if times.size <= MANY:
        axes.plot(at, times, ".", ms=3.5, color=ACCENT)
    else:
        edges = np.linspace(0, times.size, BINS + 1).astype(int)
        bins = [times[a:b] for a, b in pairwise(edges)]
        middle = [float(at[a:b].mean()) for a, b in pairwise(edges)]
        low, high = [part.min() for part in bins], [part.max() for part in bins]
        axes.fill_between(
            middle, low, high, step="mid", color=ACCENT, alpha=0.2, lw=0, label="least to greatest"
        )
        axes.plot(middle, [np.median(part) for part in bins], color=ACCENT, lw=1.2, label="median")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    axes.set_ylabel("invoke time, ms")


def _temperature(axes: Axes, warm: Sequence[tuple[float, float]]) -> None:
    kept = warm[:: max(1, len(warm) // BINS)]
    axes.plot([when for when, _ in kept], [degrees for _, degrees in kept], color=WARN, lw=1.2)
    axes.set_ylabel("°C")


def _caption(times: Array) -> str:
    quarter = max(1, times.size // 4)
    first, last = float(np.median(times[:quarter])), float(np.median(times[-quarter:]))
    change = (last - first) / first if first else 0.0
    return (
        f"The median of the first quarter is {first:.3f} ms, that of the last {last:.3f} ms ({change:+.1%})."
    )


def _warmth(degrees: Sequence[float]) -> str:
    return (
        f" The board's temperature went from {min(degrees):.1f} to {max(degrees):.1f} °C." if degrees else ""
    )
