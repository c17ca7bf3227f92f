"""How invoke times are spread: over all runs, and clip by clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from board_runner.contract import Array
from deployer.measuring.intervals import percentile
from deployer.records import RunRecord
from deployer.reporting.clips import ClipRow
from deployer.reporting.figures.theme import ACCENT, BAD, INK, MUTED, SECOND, Plot, plot, shortened

WIDTH, HEIGHT = 400.0, 250.0
SHOWN = 30
"""Clips that are drawn by name; above this their sorted medians are drawn."""

_BINS = 60


def histogram(record: RunRecord, *, name: str) -> Plot:
    """Of at least one sample that counts; the bins by the rule of Freedman and Diaconis (1981), at most 60."""
    values = np.array([sample.invoke_ms for sample in record.counted])
    median, p95 = float(np.median(values)), percentile(values, 0.95)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.hist(values, bins=_edges(values).tolist(), color=ACCENT, alpha=0.75)
        axes.axvline(median, color=INK, lw=1.2, label=f"median {median:.3f}")
        if p95 is not None:
            axes.axvline(p95, color=BAD, lw=1.2, ls="--", label=f"p95 {p95:.3f}")
        axes.grid(axis="x", visible=False)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
        axes.set_xlabel("invoke time, ms")
        axes.set_ylabel("runs")

    caption = (
        f"{values.size} runs from {values.min():.3f} to {values.max():.3f} ms; half of them take "
        f"{median:.3f} ms or less" + (f", 95 % of them {p95:.3f} ms or less." if p95 is not None else ".")
    )
    return plot(draw, name=name, title="Invoke time", caption=caption, width=WIDTH, height=HEIGHT)


def by_clip(rows: Sequence[ClipRow], *, name: str) -> Plot | None:
    """Median, p90 and extremes a clip; None where no clip gave a time."""
    timed = [row for row in rows if row.invoke is not None]
    if not timed:
        return None
    ordered = sorted(timed, key=lambda row: row.invoke.median_ms if row.invoke else 0.0)
    return _named(ordered, name) if len(ordered) <= SHOWN else _ranked(ordered, name)


def _named(rows: Sequence[ClipRow], name: str) -> Plot:
    low, median, p90, high = _columns(rows)
    at = np.arange(len(rows))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.hlines(at, low, high, color=MUTED, lw=1.2)
        if np.isfinite(p90).any():
            axes.plot(p90, at, "|", ms=9, color=SECOND, label="p90")
        axes.plot(median, at, "o", ms=5, color=ACCENT, label="median")
        axes.set_yticks(at, [shortened(row.clip) for row in rows], fontsize=8)
        axes.grid(axis="y", visible=False)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
        axes.set_xlabel("invoke time, ms")

    height = max(HEIGHT, 90.0 + 15.0 * len(rows))
    return plot(draw, name=name, title="By clip", caption=_spread(rows, median), width=WIDTH, height=height)


def _ranked(rows: Sequence[ClipRow], name: str) -> Plot:
    low, median, p90, high = _columns(rows)
    keep = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), 400)).round().astype(int))
    rank = (keep + 1).astype(float)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.fill_between(rank, low[keep], high[keep], color=ACCENT, alpha=0.15, lw=0, label="min to max")
        if np.isfinite(p90).any():
            axes.plot(rank, p90[keep], color=SECOND, lw=0.9, label="p90")
        axes.plot(rank, median[keep], color=ACCENT, lw=1.5, label="median")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3)
        axes.set_xlabel("clips, fastest median first")
        axes.set_ylabel("invoke time, ms")

    return plot(draw, name=name, title="By clip", caption=_spread(rows, median), width=WIDTH, height=HEIGHT)


def _columns(rows: Sequence[ClipRow]) -> tuple[Array, Array, Array, Array]:
    spreads = [row.invoke for row in rows if row.invoke is not None]
    # A percentile that so few runs cannot tell is not drawn.
    table = np.array(
        [[s.min_ms, s.median_ms, np.nan if s.p90_ms is None else s.p90_ms, s.max_ms] for s in spreads]
    )
    return table[:, 0], table[:, 1], table[:, 2], table[:, 3]


def _spread(rows: Sequence[ClipRow], median: Array) -> str:
    return (
        f"Medians of {len(rows)} clips lie between {median[0]:.3f} ms ({rows[0].clip}) "
        f"and {median[-1]:.3f} ms ({rows[-1].clip})."
    )


def _edges(values: Array) -> Array:
    if values.min() == values.max():
        return np.array([values.min() - 0.5, values.max() + 0.5])
    quarter, three = np.percentile(values, [25, 75])
    step = 2.0 * float(three - quarter) / values.size ** (1 / 3)
    span = float(values.max() - values.min())
    bins = _BINS if step <= 0 else int(np.clip(np.ceil(span / step), 5, _BINS))
    return np.linspace(values.min(), values.max(), bins + 1)
