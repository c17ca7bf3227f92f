"""A matplotlib figure -> a small SVG inside the page: its colours, its fonts, no ids of others, few digits."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.text import Text

from deployer.reporting.legible import legible

INK, MUTED, GRID = "#1c2128", "#5c6773", "#d4d9de"
ACCENT, SECOND, GOOD, BAD, WARN = "#1b6ca8", "#7a5195", "#2c7a3f", "#c8372d", "#b56a00"

_LAYERS_INK, _LAYERS_SINGLE = "#333333", "#9a9a9a"
"""What `deployer.layers.plot` draws with, besides ACCENT and BAD."""

_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    ACCENT: "var(--accent)",
    SECOND: "var(--second)",
    GOOD: "var(--good)",
    BAD: "var(--bad)",
    WARN: "var(--warn)",
    _LAYERS_INK: "var(--ink)",
    _LAYERS_SINGLE: "var(--muted)",
}
"""Colours that the page decides, light or dark."""

POINTS_PER_INCH = 72.0
_FONT = "DejaVu Sans"
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a `$` in a clip's name is a dollar
    "font.family": "sans-serif",
    "font.sans-serif": [_FONT],
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
    "legend.fontsize": 9,
}
_NAMESPACE = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_LONG = re.compile(r"(-?\d+\.\d\d)\d+")
_HEX = re.compile(r"#[0-9a-f]{6}\b")
_FAMILY = re.compile(rf"""["']{_FONT}["'](, sans-serif)?""")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_NUMBERS = ("d", "x", "y", "width", "height", "transform", "points")


@dataclass(frozen=True, kw_only=True)
class Plot:
    """An SVG for the page: `title` heads it, `caption` says it in words, `name` begins the ids of both."""

    name: str
    svg: Markup
    title: str
    caption: str


def plot(
    draw: Callable[[Figure], None], *, name: str, title: str, caption: str, width: float, height: float
) -> Plot:
    """Call `draw` on an empty figure of this size (CSS pixels); `name` is unique in the page."""
    with matplotlib.rc_context({**_SETTINGS, "svg.hashsalt": name}), warnings.catch_warnings():
        figure = Figure(figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH), layout="constrained")
        draw(figure)
        for text in figure.findobj(Text):
            text.set_text(legible(text.get_text()))
        # The page's own font draws the text; matplotlib's, which only measures it, lacks many scripts.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)
    return Plot(name=name, svg=Markup(_themed(buffer.getvalue(), name)), title=title, caption=caption)


def shortened(text: str, width: int = 26) -> str:
    """For an axis: the middle left out, for names differ at both ends."""
    return text if len(text) <= width else f"{text[: width - 11]}…{text[-10:]}"


def _themed(text: str, name: str) -> str:
    root = ElementTree.fromstring(text)
    used = _referenced(root)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{_NAMESPACE}style", f"{_NAMESPACE}metadata"):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_NAMESPACE)
        _attributes(element, used)
        if element.tag != "text":
            element.text = None
        element.tail = None
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    # What a screen reader reads is the caption beside it; the plot's own numbers would be a jumble.
    root.attrib |= {"class": "plot", "role": "img", "aria-labelledby": f"{name}-title {name}-caption"}
    return ElementTree.tostring(root, encoding="unicode")


def _referenced(root: ElementTree.Element) -> set[str]:
    found = set()
    for element in root.iter():
        for value in element.attrib.values():
            found.update(_REFERENCE.findall(value))
        if link := element.get(_LINK):
            found.add(link.removeprefix("#"))
    return found


def _attributes(element: ElementTree.Element, used: set[str]) -> None:
    if element.get("id") not in used:
        element.attrib.pop("id", None)
    if link := element.attrib.pop(_LINK, None):
        element.set("href", link)
    if style := element.get("style"):
        element.set("style", _styled(style))
    for key in _NUMBERS:
        if value := element.get(key):
            element.set(key, " ".join(_LONG.sub(r"\1", value).split()))


def _styled(style: str) -> str:
    style = _HEX.sub(lambda found: _VARIABLES.get(found[0], found[0]), style)
    return _LONG.sub(r"\1", _FAMILY.sub("var(--font)", style))
