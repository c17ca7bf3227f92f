"""The page: one HTML file with everything in it, that asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from deployer import __version__
from deployer.labels import shown
from deployer.reporting import parts
from deployer.reporting.audio import MOST_CLIPS
from deployer.reporting.clips import VERDICTS
from deployer.reporting.figures.by_run import by_run
from deployer.reporting.legible import legible
from deployer.reporting.page import Page
from deployer.reporting.tiles import percent


def policy() -> str:
    """What the page allows itself (CSP): its one script, styles and data within it, nothing of any server."""
    digest = base64.b64encode(hashlib.sha256(_source("table.js").encode()).digest()).decode()
    return (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def as_html(
    page: Page,
    *,
    clips_dir: Path | None = None,
    chosen_dir: Path | None = None,
    clips: int = MOST_CLIPS,
    above: Mapping[str, str] | None = None,
) -> str:
    """One self-contained file with the sound of the worst `clips`.

    A run's wavs are looked for in `clips_dir`, an evaluation's where they were; all of them in `chosen_dir` where
    that is given. `above`: links to pages that it is one of, by what they are called.
    """
    of_runs = chosen_dir or clips_dir
    text = (
        environment()
        .get_template("report/page.html.j2")
        .render(
            page=page,
            runs=[
                parts.of_run(view, f"run{i}", clips_dir=of_runs, clips=clips)
                for i, view in enumerate(page.runs, 1)
            ],
            side_by_side=by_run([view.record for view in page.runs], name="runs-times"),
            evaluations=[
                parts.of_evaluation(view, f"eval{i}", clips_dir=chosen_dir, clips=clips)
                for i, view in enumerate(page.evaluations, 1)
            ],
            layers=[parts.of_layers(report, f"layers{i}") for i, report in enumerate(page.layers, 1)],
            style=Markup(_source("style.css")),
            script=Markup(_source("table.js")),
            policy=Markup(policy()),  # its quotes are no HTML of anybody's
            above=above or {},
            verdicts=VERDICTS,
            tool_version=__version__,
        )
    )
    return legible(text)


@cache
def environment() -> jinja2.Environment:
    """For pages; `deploy serve` has templates of its own beside the report's."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("deployer"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=True,
    )
    made.filters |= {"label": shown, "percent": percent}
    return made


def _source(name: str) -> str:
    return (Path(__file__).parents[1] / "templates" / "report" / name).read_text(encoding="utf-8").rstrip()
