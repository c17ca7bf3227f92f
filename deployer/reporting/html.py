"""The page: one HTML file with everything in it, that asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from deployer import __version__
from deployer.labels import shown
from deployer.layers.report import LayerReport
from deployer.reporting.audio import MOST_CLIPS, Heard, heard
from deployer.reporting.clips import VERDICTS, worst
from deployer.reporting.environment import Fact, facts, hashes
from deployer.reporting.figures.by_layers import by_layers
from deployer.reporting.figures.latency import by_clip, histogram
from deployer.reporting.figures.matrix import matrix
from deployer.reporting.figures.theme import Plot
from deployer.reporting.figures.timeline import timeline
from deployer.reporting.legible import legible
from deployer.reporting.page import Page, RunView, percent
from deployer.reporting.tabular import Table, class_table, clip_table, layer_table

TABLE_CLASSES = 12
"""Confusion matrices up to this size are tables; larger ones are drawn."""


@dataclass(frozen=True, kw_only=True)
class RunPart:
    """A run's section: its view with all that is drawn for it. `name` begins every id in it."""

    name: str
    view: RunView
    plots: tuple[Plot, ...]
    course: Plot | None
    clips: Table
    classes: Table | None
    matrix: Plot | None
    heard: tuple[Heard, ...]
    facts: tuple[Fact, ...]
    hashes: tuple[Fact, ...]


@dataclass(frozen=True, kw_only=True)
class LayerPart:
    """A comparison by layers, drawn."""

    name: str
    report: LayerReport
    plot: Plot
    table: Table


def as_html(page: Page, *, clips_dir: Path | None = None, clips: int = MOST_CLIPS) -> str:
    """One self-contained file. `clips_dir` holds the wavs that were run; the worst `clips` of them are put in."""
    script = _source("table.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = (
        _environment()
        .get_template("report/page.html.j2")
        .render(
            page=page,
            runs=[_run(view, f"run{i}", clips_dir, clips) for i, view in enumerate(page.runs, 1)],
            layers=[_layers(report, f"layers{i}") for i, report in enumerate(page.layers, 1)],
            style=Markup(_source("style.css")),
            script=Markup(script),
            script_hash=f"sha256-{digest}",
            verdicts=VERDICTS,
            tool_version=__version__,
        )
    )
    return legible(text)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("deployer"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=True,
    )
    environment.filters["label"] = shown
    environment.filters["percent"] = percent
    return environment


def _source(name: str) -> str:
    return (Path(__file__).parents[1] / "templates" / "report" / name).read_text(encoding="utf-8").rstrip()


def _run(view: RunView, name: str, clips_dir: Path | None, clips: int) -> RunPart:
    record, found = view.record, view.confusion
    plots: list[Plot | None] = [histogram(record, name=f"{name}-times")] if view.summary else []
    plots.append(by_clip(view.rows, name=f"{name}-by-clip"))
    return RunPart(
        name=name,
        view=view,
        plots=tuple(plot for plot in plots if plot is not None),
        course=timeline(record, name=f"{name}-course"),
        clips=clip_table(view.rows, record.labels),
        classes=class_table(found) if found else None,
        matrix=matrix(found, name=f"{name}-matrix") if found and len(found.ids) > TABLE_CLASSES else None,
        heard=tuple(heard(record, worst(view.rows, min(clips, MOST_CLIPS)), clips_dir, name=f"{name}-heard")),
        facts=facts(record),
        hashes=hashes(record),
    )


def _layers(report: LayerReport, name: str) -> LayerPart:
    return LayerPart(
        name=name, report=report, plot=by_layers(report, name=f"{name}-plot"), table=layer_table(report)
    )
