"""The same as Markdown: a page to keep beside the code, and a summary for a CI job of GitHub."""

from __future__ import annotations

import re
from functools import cache

import jinja2

from deployer.labels import shown
from deployer.reporting.clips import worst
from deployer.reporting.environment import facts, hashes
from deployer.reporting.legible import legible
from deployer.reporting.page import Page, RunView
from deployer.reporting.said import says
from deployer.reporting.tabular import Table, clip_table, layer_table
from deployer.reporting.tiles import percent

GITHUB_CLIPS = 500
"""Rows of the unfolded table; GitHub shows no summary above 1 MiB."""

_SPECIAL = re.compile(r"([\\|*`\[\]])")


def as_markdown(page: Page) -> str:
    """One self-contained page."""
    return _render("report/page.md.j2", page)


def as_github(page: Page) -> str:
    """What belongs into `$GITHUB_STEP_SUMMARY`: verdict, figures, what went wrong; the rest folded away."""
    return _render("report/github.md.j2", page)


def _render(template: str, page: Page) -> str:
    text = (
        _environment()
        .get_template(template)
        .render(
            page=page,
            clip_table=_clip_table,
            layer_table=layer_table,
            facts=facts,
            hashes=hashes,
            worst=worst,
            most=GITHUB_CLIPS,
        )
    )
    return legible(text).strip() + "\n"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("deployer"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # Markdown, not HTML; cells are escaped by `cell`
    )
    environment.filters |= {"cell": _cell, "percent": percent, "label": shown, "says": says}
    return environment


def _clip_table(view: RunView) -> Table:
    return clip_table(view.rows, view.record.labels)


def _cell(value: object) -> str:
    text = str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
