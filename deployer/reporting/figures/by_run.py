"""Runs side by side: where each one's invoke times lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from deployer.records import RunRecord
from deployer.reporting.figures.theme import ACCENT, MUTED, Plot, plot, shortened


def by_run(records: Sequence[RunRecord], *, name: str) -> Plot | None:
    """Extremes, quartiles and median a run, the first on top; None for fewer than two runs with a time."""
    timed = [(number, record) for number, record in enumerate(records, 1) if record.counted]
    if len(timed) < 2:
        return None
    table = np.array(
        [
            np.percentile([sample.invoke_ms for sample in record.counted], [0, 25, 50, 75, 100])
            for _, record in timed
        ]
    )
    at = np.arange(len(timed), 0, -1)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.hlines(at, table[:, 0], table[:, 4], color=MUTED, lw=1.2, label="all runs")
        axes.hlines(at, table[:, 1], table[:, 3], color=ACCENT, lw=7, alpha=0.35, label="middle half")
        axes.plot(table[:, 2], at, "o", ms=6, color=ACCENT, label="median")
        axes.set_yticks(at, [f"{number}: {shortened(record.board.name)}" for number, record in timed])
        axes.set_ylim(0.4, len(timed) + 0.6)
        axes.grid(axis="y", visible=False)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3)
        axes.set_xlabel("invoke time, ms")

    medians = ", ".join(
        f"{number}: {median:.3f} ms" for (number, _), median in zip(timed, table[:, 2], strict=True)
    )
    return plot(
        draw,
        name=name,
        title="Invoke time by run",
        caption=f"Medians: {medians}.",
        width=860.0,
        height=100.0 + 34.0 * len(timed),
    )
