"""A trend drawn: points with their intervals over time, tags named, changes as upright lines."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import dates
from matplotlib.figure import Figure

from deployer.history import Entry
from deployer.history.headline import Headline
from deployer.reporting.figures.theme import ACCENT, BAD, GOOD, MUTED, SECOND, WARN, Plot, plot, shortened
from deployer.serving.trends import Change, Line, Trend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = (ACCENT, WARN, SECOND, GOOD, BAD, MUTED)
MARKERS = ("o", "s", "^", "D", "v", "P")  # besides colours, which not everybody tells apart

WIDTH, HEIGHT = 860.0, 300.0
_FEW = 100  # runs of a line whose points may be large
_MOST_NAMED = 10
"""Tags and changes with a word beside them; all are in the table."""


@dataclass(frozen=True, kw_only=True)
class _Quantity:
    """What is drawn: a run's value, or None."""

    name: str
    axis: str
    of: Callable[[Headline], float | None]
    sure: bool = False


def drawn(found: Trend) -> list[Plot]:
    """The median invoke time, then a plot for each figure of merit; none of what no run has."""
    times = _Quantity(name="invoke", axis="median invoke time, ms", of=lambda h: h.median_ms, sure=True)
    names = dict.fromkeys(run.headline.metric for line in found.lines for run in line.runs)
    plots = [_drawn(found, times, title="Invoke time")]
    plots += [_drawn(found, _metric(name, at), title=name) for at, name in enumerate(names) if name]
    return [each for each in plots if each is not None]


def _metric(name: str, at: int) -> _Quantity:
    return _Quantity(name=f"metric{at}", axis=name, of=lambda h: h.value if h.metric == name else None)


def _drawn(found: Trend, quantity: _Quantity, *, title: str) -> Plot | None:
    lines = [
        (index, line, runs)
        for index, line in enumerate(found.lines)
        if (runs := [run for run in line.runs if quantity.of(run.headline) is not None])
    ]
    if not lines:
        return None
    shown = {run.id for _, _, runs in lines for run in runs}
    marked = [change for change in found.changes if change.run.id in shown]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for index, line, runs in lines:
            _line(axes, line, runs, quantity, (COLOURS[index], MARKERS[index]))
        _mark(axes, marked, quantity)
        zone = datetime.datetime.now().astimezone().tzinfo
        locator = dates.AutoDateLocator(tz=zone, minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call]
        axes.set_ylabel(quantity.axis)
        axes.margins(x=0.03, y=0.18)
        if len(lines) > 1:
            figure.legend(loc="outside upper right", ncols=3)

    return plot(
        draw,
        name=f"trend-{quantity.name}",
        title=f"{title} of {found.model}",
        caption=" ".join(_words(line, runs, quantity) for _, line, runs in lines) + _legend(quantity),
        width=WIDTH,
        height=HEIGHT,
    )


def _line(axes: Axes, line: Line, runs: Sequence[Entry], quantity: _Quantity, look: tuple[str, str]) -> None:
    colour, marker = look
    at = np.array([_days(run) for run in runs])
    values = np.array([quantity.of(run.headline) for run in runs], dtype=float)
    axes.plot(at, values, color=colour, lw=1, alpha=0.6)
    steady = np.array([run.headline.steady is not False or not quantity.sure for run in runs])
    size = 4.5 if len(runs) <= _FEW else 2.5
    for some, face, remark in ((steady, colour, ""), (~steady, "none", ", not steady")):
        if some.any():
            name = f"{shortened(line.name)}{remark}"
            axes.plot(at[some], values[some], marker, ms=size, color=colour, mfc=face, label=name)
    if quantity.sure:
        low, high = (
            np.array([getattr(run.headline, end) for run in runs], dtype=float)  # None becomes nan
            for end in ("low_ms", "high_ms")
        )
        known = np.isfinite(low) & np.isfinite(high)
        axes.vlines(at[known], low[known], high[known], color=colour, lw=1.4)


def _mark(axes: Axes, marked: Sequence[Change], quantity: _Quantity) -> None:
    tags = [change for change in marked if change.is_tag]
    others = [change for change in marked if not change.is_tag]
    for change in others:
        axes.axvline(_days(change.run), color=MUTED, lw=0.8, ls=(0, (4, 3)))
    for number, change in enumerate(others[:_MOST_NAMED]):
        axes.annotate(
            shortened(change.what),
            (_days(change.run), 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(3, -10 - 11 * (number % 2)),
            textcoords="offset points",
            fontsize=8,
            color=MUTED,
        )
    for change in tags[:_MOST_NAMED]:
        value = quantity.of(change.run.headline)
        if value is not None:
            axes.annotate(
                shortened(change.what),
                (_days(change.run), value),
                xytext=(0, -16),
                textcoords="offset points",
                ha="center",
                fontsize=9,
                weight="bold",
            )


def _words(line: Line, runs: Sequence[Entry], quantity: _Quantity) -> str:
    first, last = (quantity.of(run.headline) for run in (runs[0], runs[-1]))
    count = f"{len(runs)} run{'s' if len(runs) > 1 else ''}"
    of = f", the newest of {len(runs) + line.left_out}" if line.left_out else ""
    course = f"{first:.3f}" if len(runs) == 1 else f"from {first:.3f} to {last:.3f}"
    change = f" ({last / first - 1:+.1%})" if first and last is not None and len(runs) > 1 else ""
    return f"{line.name}: {count}{of}, {course}{change}."


def _legend(quantity: _Quantity) -> str:
    legend = " Dashed lines: another version of deploy or another model file. Words in bold: tags."
    return f"{legend} Upright bars: 95 % intervals. Hollow points: not steady." if quantity.sure else legend


def _days(run: Entry) -> float:
    """Since 1970, as matplotlib counts dates."""
    return datetime.datetime.fromisoformat(run.created).timestamp() / 86400
