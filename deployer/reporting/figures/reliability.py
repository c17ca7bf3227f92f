"""How often a classifier is right, by how sure it is."""

from __future__ import annotations

from matplotlib.figure import Figure

from deployer.evaluation.calibration import Calibration
from deployer.reporting.figures.latency import HEIGHT, WIDTH
from deployer.reporting.figures.theme import ACCENT, MUTED, Plot, plot


def reliability(found: Calibration, *, name: str) -> Plot:
    """Accuracy over confidence, a bar a bin; a model that is as sure as it is right lies on the line."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for each in found.bins:
            axes.bar(
                each.low, each.accuracy, each.high - each.low, align="edge", color=ACCENT, alpha=0.6, lw=0
            )
        axes.plot(
            [each.confidence for each in found.bins],
            [each.accuracy for each in found.bins],
            "o",
            ms=4,
            color=ACCENT,
        )
        axes.plot([0, 1], [0, 1], color=MUTED, lw=1, ls="--")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.grid(axis="x", visible=False)
        axes.set_xlabel("share of the class that was answered")
        axes.set_ylabel("right")

    caption = (
        f"Expected calibration error {found.expected_error:.3f} over {len(found.bins)} bins that hold clips; "
        "on the dashed line the model is as sure as it is right."
    )
    return plot(draw, name=name, title="Calibration", caption=caption, width=WIDTH, height=HEIGHT)
