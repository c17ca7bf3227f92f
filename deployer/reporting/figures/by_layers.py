"""The error of every layer, as `compare-sim --layers` draws it, in the page's colours."""

from __future__ import annotations

from matplotlib.figure import Figure

from deployer.layers import plot as layers_plot
from deployer.layers.report import LayerReport
from deployer.reporting.figures.theme import Plot, plot


def by_layers(report: LayerReport, *, name: str) -> Plot:
    """SQNR over the layers, suspicious ones and the first jump marked."""

    def draw(figure: Figure) -> None:
        layers_plot.onto(figure.subplots(), report)

    caption = (
        f"{len(report.suspicious)} of {len(report.rows)} layers are suspicious (COS < 0.99 or RMSE > 0.1)."
    )
    if report.jump is not None:
        jump = report.jump
        caption += f" The first jump is at layer {jump.index}, {jump.name} ({jump.op})."
    return plot(draw, name=name, title="SQNR by layer", caption=caption, width=860.0, height=320.0)
