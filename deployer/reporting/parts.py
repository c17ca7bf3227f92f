"""What is drawn and heard of each thing on the page, ready for its template."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deployer.labels import shown
from deployer.layers.report import LayerReport
from deployer.reporting.audio import MOST_CLIPS, Sound, of_file, of_folder
from deployer.reporting.clips import ClipRow, worst
from deployer.reporting.confusion import Confusion
from deployer.reporting.environment import Fact, facts, hashes
from deployer.reporting.evaluations import EvalView
from deployer.reporting.figures.by_layers import by_layers
from deployer.reporting.figures.latency import by_clip, histogram
from deployer.reporting.figures.matrix import matrix
from deployer.reporting.figures.reliability import reliability
from deployer.reporting.figures.theme import Plot
from deployer.reporting.figures.timeline import timeline
from deployer.reporting.page import RunView
from deployer.reporting.said import says
from deployer.reporting.tabular import Table, class_table, clip_table, layer_table

TABLE_CLASSES = 12
"""Confusion matrices up to this size are tables; larger ones are drawn."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A clip with its sound: what it is about (`says`) and what became of it (`verdict`)."""

    clip: str
    verdict: str
    says: str
    sound: Sound


@dataclass(frozen=True, kw_only=True)
class ConfusionPart:
    """Which class was taken for which; drawn where a table would be too large."""

    found: Confusion
    plot: Plot | None
    classes: Table


@dataclass(frozen=True, kw_only=True)
class RunPart:
    """A run's section. `name` begins every id in it, as in all of these."""

    name: str
    view: RunView
    plots: tuple[Plot, ...]
    course: Plot | None
    clips: Table
    confusion: ConfusionPart | None
    heard: tuple[Heard, ...]
    facts: tuple[Fact, ...]
    hashes: tuple[Fact, ...]


@dataclass(frozen=True, kw_only=True)
class EvalPart:
    """An evaluation's section."""

    name: str
    view: EvalView
    calibration: Plot | None
    confusion: ConfusionPart | None
    heard: tuple[Heard, ...]


@dataclass(frozen=True, kw_only=True)
class LayerPart:
    """A comparison by layers, drawn."""

    name: str
    report: LayerReport
    plot: Plot
    table: Table


def of_run(view: RunView, name: str, *, clips_dir: Path | None, clips: int) -> RunPart:
    """All of a run; `clips` of the worst with their sound, from `clips_dir`."""
    record = view.record
    plots: list[Plot | None] = [histogram(record, name=f"{name}-times")] if view.summary else []
    plots.append(by_clip(view.rows, name=f"{name}-by-clip"))
    return RunPart(
        name=name,
        view=view,
        plots=tuple(plot for plot in plots if plot is not None),
        course=timeline(record, name=f"{name}-course"),
        clips=clip_table(view.rows, record.labels),
        confusion=_confusion(
            view.confusion, name, "Classes; each clip counts once, by its most frequent answer"
        ),
        heard=tuple(
            Heard(
                clip=row.clip,
                verdict=row.verdict,
                says=_says(row, view),
                sound=of_folder(
                    row.clip, clips_dir, sha256=record.sha256.get(row.clip), name=f"{name}-heard{i}"
                ),
            )
            for i, row in enumerate(worst(view.rows, min(clips, MOST_CLIPS)), 1)
        ),
        facts=facts(record),
        hashes=hashes(record),
    )


def of_evaluation(view: EvalView, name: str, *, clips_dir: Path | None, clips: int) -> EvalPart:
    """All of an evaluation; its clips from `clips_dir`, or from where they were."""
    classes = view.last.classes
    found = classes.calibration if classes is not None else None
    return EvalPart(
        name=name,
        view=view,
        calibration=reliability(found, name=f"{name}-calibration") if found is not None else None,
        confusion=_confusion(view.confusion, name, "Classes"),
        heard=tuple(_heard_classes(view, name, clips_dir, min(clips, MOST_CLIPS))),
    )


def of_layers(report: LayerReport, name: str) -> LayerPart:
    """The curve and every layer."""
    plot = by_layers(report, name=f"{name}-plot")
    return LayerPart(name=name, report=report, plot=plot, table=layer_table(report))


def _confusion(found: Confusion | None, name: str, caption: str) -> ConfusionPart | None:
    if found is None:
        return None
    drawn = matrix(found, name=f"{name}-matrix") if len(found.ids) > TABLE_CLASSES else None
    return ConfusionPart(found=found, plot=drawn, classes=class_table(found, caption))


def _says(row: ClipRow, view: RunView) -> str:
    labels = view.record.labels
    words = []
    if said := says(row, labels):
        words.append(f"says {said}")
    if row.target is not None:
        words.append(f"should be {shown(row.target, labels)}")
    if row.failed:
        words.append(f"{row.failed} of {row.runs} runs failed")
    return ", ".join(words)


def _heard_classes(view: EvalView, name: str, clips_dir: Path | None, clips: int) -> list[Heard]:
    if view.last.classes is None:
        return []
    labels = view.record.labels
    wrong = [each for each in view.last.classes.worst if each.said != each.target]
    return [
        Heard(
            clip=each.clip,
            verdict="wrong",
            says=f"says {shown(each.said, labels)}, should be {shown(each.target, labels)}",
            sound=_of_evaluation(Path(each.audio), clips_dir, f"{name}-heard{i}"),
        )
        for i, each in enumerate(wrong[:clips], 1)
    ]


def _of_evaluation(path: Path, clips_dir: Path | None, name: str) -> Sound:
    if clips_dir is not None:
        return of_folder(path.name, clips_dir, sha256=None, name=name)
    return of_file(path, name=name)
