"""SQNR over the layers as an SVG. matplotlib is imported when something is drawn."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from board_runner.errors import UsageError
from deployer.layers.measure import Errors
from deployer.layers.report import LayerReport, LayerRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _ACCUMULATED, _SINGLE, _SUSPICIOUS = "#333333", "#1b6ca8", "#9a9a9a", "#c8372d"


def draw(report: LayerReport, path: Path) -> Path:
    """Accumulated and single SQNR by place in the execution; suspicious layers and the first jump marked.

    A layer that is equal on both sides has no point. The same report gives the same bytes. Raises UsageError
    where matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as e:
        raise UsageError("the plot needs matplotlib", hint="pip install matplotlib") from e
    with matplotlib.rc_context({"svg.hashsalt": "deploy", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(11, 4.5), layout="constrained")
        axes = figure.subplots()
        onto(axes, report)
        clips = f"{len(report.clips)} clips" if len(report.clips) != 1 else report.clips[0]
        axes.set_title(f"{report.candidate} against {report.reference}, {clips}", loc="left", color=_INK)
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    return path


def onto(axes: Axes, report: LayerReport) -> None:
    """The same on somebody's own axes, which keep their title and looks."""
    _curves(axes, report)
    _jump(axes, report)
    axes.set_xlabel("layer, in the order of execution")
    axes.set_ylabel("SQNR, dB")
    axes.grid(axis="y", alpha=0.25)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncols=4)


def _curves(axes: Axes, report: LayerReport) -> None:
    single = [(row.index, row.single) for row in report.rows if row.single is not None]
    if single:
        at, levels = _points(single)
        axes.plot(at, levels, ".", ms=4, color=_SINGLE, label="single: fed with the reference")
    at, levels = _points([(row.index, row.accumulated) for row in report.rows])
    axes.plot(at, levels, "-", lw=1.4, color=_ACCUMULATED, label="accumulated")
    marked = [(row.index, row.accumulated) for row in report.suspicious]
    if marked:
        at, levels = _points(marked)
        axes.plot(at, levels, "o", ms=5, color=_SUSPICIOUS, label="suspicious: COS < 0.99 or RMSE > 0.1")


def _jump(axes: Axes, report: LayerReport) -> None:
    if report.jump is None:
        return
    row = next(row for row in report.rows if row.index == report.jump.index)
    level = _level(_jumped(row, report.jump.kind))
    axes.axvline(row.index, lw=0.8, ls=":", color=_SUSPICIOUS)
    if level is not None:
        label = f"first jump: #{row.index}"
        axes.plot([row.index], [level], "o", ms=8, mfc="none", color=_SUSPICIOUS, label=label)


def _jumped(row: LayerRow, kind: str) -> Errors:
    return row.single if kind == "single" and row.single is not None else row.accumulated


def _points(rows: list[tuple[int, Errors]]) -> tuple[list[int], list[float]]:
    found = [(index, level) for index, errors in rows if (level := _level(errors)) is not None]
    return [index for index, _ in found], [level for _, level in found]


def _level(errors: Errors) -> float | None:
    """In dB; a vendor's text has no SQNR and is drawn by its cosine."""
    noise = errors.noise_ratio
    return -10.0 * math.log10(noise) if 0.0 < noise < math.inf else None
