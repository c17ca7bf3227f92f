"""A confusion matrix too large for a table, as coloured squares."""

from __future__ import annotations

from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from deployer.reporting.confusion import Confusion
from deployer.reporting.figures.theme import ACCENT, BAD, Plot, plot, shortened

SIDE = 720.0
NAMED = 60
"""Classes that are named along the axes; above it only their places show."""


def matrix(confusion: Confusion, *, name: str) -> Plot:
    """A square a pair that came up: right ones on the diagonal, the darker the larger its share of the class."""
    ids = confusion.ids
    right, wrong = _squares(confusion, diagonal=True), _squares(confusion, diagonal=False)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for squares, colour in ((right, ACCENT), (wrong, BAD)):
            # A collection a shade: one opacity is one short attribute in the SVG, and the page keeps the colour.
            for shade in sorted({shade for _, _, shade in squares}):
                boxes = [Rectangle((a - 0.5, t - 0.5), 1, 1) for t, a, at in squares if at == shade]
                axes.add_collection(PatchCollection(boxes, facecolor=colour, alpha=shade, linewidth=0))
        axes.set_xlim(-0.5, len(ids) - 0.5)
        axes.set_ylim(len(ids) - 0.5, -0.5)
        axes.set_aspect("equal")
        if len(ids) <= NAMED:
            names = [shortened(confusion.names[i]) for i in ids]
            axes.set_xticks(range(len(ids)), names, rotation=90, fontsize=8)
            axes.set_yticks(range(len(ids)), names, fontsize=8)
        axes.set_xlabel("answer")
        axes.set_ylabel("target")

    hits = sum(row.hits for row in confusion.classes)
    caption = f"{hits} of {confusion.clips} clips lie on the diagonal; the squares beside it are mistakes."
    if mistakes := confusion.mistakes():
        target, answer, count = mistakes[0]
        caption += f" The most frequent: {target} taken for {answer}, {count} times."
    return plot(draw, name=name, title="Confusion matrix", caption=caption, width=SIDE, height=SIDE)


def _squares(confusion: Confusion, *, diagonal: bool) -> list[tuple[int, int, float]]:
    """(row, column, opacity), in ten shades of the row's share."""
    place = {class_id: i for i, class_id in enumerate(confusion.ids)}
    support = {i: row.support for i, row in zip(confusion.ids, confusion.classes, strict=True)}
    return [
        (place[t], place[a], 0.1 + 0.1 * min(9, int(10 * count / support[t])))
        for (t, a), count in confusion.counts.items()
        if (t == a) is diagonal
    ]
