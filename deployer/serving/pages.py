"""Templates -> pages that all look like the report."""

from __future__ import annotations

import datetime
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from deployer import __version__
from deployer.reporting import html
from deployer.reporting.legible import legible

ASSETS = {
    "style.css": ("text/css", ("report/style.css", "serve/serve.css")),
    "table.js": ("text/javascript", ("report/table.js",)),
    "live.js": ("text/javascript", ("serve/live.js",)),
}
"""What pages ask for besides themselves, and of which files it is made."""


def render(name: str, **values: Any) -> str:
    """The page `serve/NAME.html.j2`."""
    return legible(_environment().get_template(f"serve/{name}.html.j2").render(version=__version__, **values))


@cache
def asset(name: str) -> tuple[str, str]:
    """The type and text of one of `ASSETS`."""
    kind, files = ASSETS[name]
    folder = Path(__file__).parents[1] / "templates"
    return kind, "\n".join((folder / file).read_text(encoding="utf-8") for file in files)


def when(created: str | float) -> str:
    """A moment, ISO 8601 or seconds since 1970, as this machine's clock has it."""
    moment = (
        datetime.datetime.fromisoformat(created)
        if isinstance(created, str)
        else datetime.datetime.fromtimestamp(created, datetime.UTC)
    )
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def duration(seconds: float | None) -> str:
    """`42 s`, `3 min 20 s`, `2 h 05 min`; a dash for None."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def number(value: float | None, digits: int = 3) -> str:
    """A figure of a table; a dash for None."""
    return "–" if value is None else f"{value:.{digits}f}"


@cache
def _environment() -> jinja2.Environment:
    environment = html.environment().overlay()
    environment.filters = {
        **environment.filters,
        "when": when,
        "duration": duration,
        "number": number,
    }
    return environment
