"""Two runs of the history against each other, for a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from board_runner.errors import UsageError
from deployer.evaluation import record as evaluation
from deployer.history import History, diff, eval_diff
from deployer.history.circumstances import Changed
from deployer.history.diff import Difference
from deployer.history.eval_diff import EvalDifference
from deployer.labels import shown
from deployer.reporting.tabular import Column, Table
from deployer.reporting.tiles import Tile


@dataclass(frozen=True, kw_only=True)
class Compared:
    """B against A: figures, a table, what else differs; `data` is the same for programs."""

    a: str
    b: str
    tiles: tuple[Tile, ...]
    tables: tuple[Table, ...]
    changed: tuple[Changed, ...]
    notes: tuple[str, ...]
    data: dict[str, Any]


def compared(history: History, a: str, b: str) -> Compared:
    """Two benches or two evaluations. Raises MissingArtifact, UsageError."""
    first, second = history.entry(a), history.entry(b)
    kinds = {first.kind, second.kind}
    if kinds == {evaluation.KIND}:
        place = str(history.path)
        ours, theirs = (
            evaluation.of_fields(history.fields(each.id), place=f"{place}: {each.id}")
            for each in (first, second)
        )
        return _of_evaluations(eval_diff.diff(ours, theirs))
    if evaluation.KIND in kinds:
        raise UsageError(
            f"{first.id} is of kind {first.kind}, {second.id} of kind {second.kind}",
            hint="choose two benches or two evaluations",
        )
    return _of_runs(diff.diff(history.record(first.id), history.record(second.id)))


def _of_runs(found: Difference) -> Compared:
    a, b = found.a_summary, found.b_summary
    tiles = []
    if a is not None and b is not None:
        before, now = a.invoke.median_ms, b.invoke.median_ms
        change = f"{now / before - 1:+.1%}" if before else ""
        tiles.append(Tile(name="invoke time, median", value=f"{before:.3f} → {now:.3f} ms", note=change))
    if (effect := found.compared) is not None:
        sure = f"{effect.level:.0%} interval {effect.low:+.1%} to {effect.high:+.1%}"
        tiles.append(Tile(name="over all clips", value=f"{effect.effect:+.1%}", note=sure))
    flips = len(found.flips)
    tiles.append(
        Tile(name="other answers", value=f"{flips} of {len(found.clips)} clips", tone="bad" if flips else "")
    )
    notes = [f"No interval: {found.unsure}."] if found.unsure else []
    for name, clips in (("A", found.only_in_a), ("B", found.only_in_b)):
        if clips:
            notes.append(f"Only in {name}: {', '.join(clips)}.")
    times = tuple(Column(name=name, kind="number", digits=3) for name in ("A, ms", "B, ms"))
    table = Table(
        caption="Clips that both have; medians of the invoke time",
        columns=(
            Column(name="clip"),
            *times,
            Column(name="change, %", kind="number", digits=1),
            Column(name="A says"),
            Column(name="B says"),
            Column(name="answer", kind="badge", order=("flipped", "same")),
        ),
        rows=tuple(
            (
                clip.clip,
                round(clip.a_median_ms, 3),
                round(clip.b_median_ms, 3),
                None if clip.change is None else round(100 * clip.change, 1),
                shown(clip.a_class_id, found.a.labels),
                shown(clip.b_class_id, found.b.labels),
                "flipped" if clip.flipped else "same",
            )
            for clip in found.clips
        ),
        filters=True,
    )
    return Compared(
        a=found.a.id,
        b=found.b.id,
        tiles=tuple(tiles),
        tables=(table,),
        changed=found.changed,
        notes=tuple(notes),
        data=diff.as_data(found),
    )


def _of_evaluations(found: EvalDifference) -> Compared:
    tiles = tuple(
        Tile(
            name=f"{stage.stage}, {stage.metric}",
            value=f"{stage.a:.4f} → {stage.b:.4f}",
            note=f"{stage.b - stage.a:+.4f}",
            tone="bad" if stage.worse else "",
        )
        for stage in found.stages
    )
    table = Table(
        caption="Classes whose recall is another",
        columns=(
            Column(name="class"),
            Column(name="stage"),
            Column(name="A", kind="number", digits=3),
            Column(name="B", kind="number", digits=3),
        ),
        rows=tuple((item.label, item.stage, item.a_recall, item.b_recall) for item in found.classes),
    )
    return Compared(
        a=found.a.id,
        b=found.b.id,
        tiles=tiles,
        tables=(table,) if table.rows else (),
        changed=found.changed,
        notes=() if found.stages else ("No stage that both have.",),
        data=eval_diff.as_data(found),
    )
