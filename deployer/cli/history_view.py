"""The history drawn for a terminal."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from deployer.cli.console import print_table, results
from deployer.history import Entry, Headline

if TYPE_CHECKING:
    from deployer.history.circumstances import Changed
    from deployer.history.collect import Collected
    from deployer.history.diff import Difference
    from deployer.history.eval_diff import EvalDifference

_CLASSES = 10


def print_list(found: Sequence[Entry]) -> None:
    """A row a run, times as this machine's clock has them."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("run", "when", "kind", "model", "board", "chip"):
        table.add_column(column, no_wrap=column == "run")
    for column in ("runs", "failed", "median ms"):
        table.add_column(column, justify="right")
    table.add_column("metric")
    table.add_column("tags")
    for item in found:
        words = (item.id, _when(item.created), item.kind, item.model, item.board or "-", item.chip or "-")
        table.add_row(
            *(escape(word) for word in words), *_figures(item.headline), escape(", ".join(item.tags))
        )
    if found:
        print_table(results(), table)
    else:
        results().print("no run fits; `deploy bench` makes one")


def print_run(entry: Entry, fields: Mapping[str, Any]) -> None:
    """What it was; and the figures, where it is a record of samples."""
    from deployer import records
    from deployer.reporting import terminal

    console = results()
    board = f" on {entry.board}" if entry.board else ""
    chip = f" ({entry.chip})" if entry.chip else ""
    console.print(escape(f"{entry.id}: {entry.kind} of {entry.model}{board}{chip}, {_when(entry.created)}"))
    if entry.tags:
        console.print(escape(f"tags: {', '.join(entry.tags)}"))
    if entry.kind not in records.KINDS:
        _print_other(fields, entry)
        return
    record = records.of_fields(fields, place=entry.id)
    if record.samples:
        console.print(terminal.clip_table(record))
    for line in terminal.summary_lines(record):
        console.print(line)


def _print_other(fields: Mapping[str, Any], entry: Entry) -> None:
    """An evaluation as `deploy eval` shows it; of any other kind only that it is there."""
    from deployer.evaluation import record

    if entry.kind != record.KIND:
        results().print("`--json` prints the record")
        return
    from deployer.cli import evaluated

    evaluated.show(record.of_fields(fields, place=entry.id), worst=3)


def print_difference(found: Difference) -> None:
    """A row a clip, and a line for everything else that was not the same."""
    from deployer.labels import shown

    table = Table(
        title=escape(f"{found.b.id} against {found.a.id}"), title_justify="left", box=box.SIMPLE_HEAD
    )
    table.add_column("clip", overflow="fold")
    for column in ("a, ms", "b, ms", "change"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("says", overflow="fold")
    for clip in found.clips:
        says = shown(clip.b_class_id, found.b.labels)
        if clip.other:
            says = "[yellow]another answer[/]"
        elif clip.flipped:
            says = f"[yellow]{escape(shown(clip.a_class_id, found.a.labels))} -> {escape(says)}[/]"
        change = f"{clip.change:+.1%}" if clip.change is not None else "-"
        table.add_row(escape(clip.clip), f"{clip.a_median_ms:.3f}", f"{clip.b_median_ms:.3f}", change, says)
    console = results()
    console.print(table)
    if found.a_summary is not None and found.b_summary is not None:
        a_ms, b_ms = found.a_summary.invoke.median_ms, found.b_summary.invoke.median_ms
        change = f" ({b_ms / a_ms - 1:+.1%})" if a_ms else ""
        console.print(f"median         {a_ms:.3f} -> {b_ms:.3f} ms{change}")
    if found.compared is not None:
        effect = found.compared
        console.print(
            f"over all clips {effect.effect:+.1%}, {effect.level:.0%} interval "
            f"{effect.low:+.1%} to {effect.high:+.1%}"
        )
    else:
        console.print(escape(f"no interval    {found.unsure}"))
    console.print(f"other answers  {len(found.flips)} of {len(found.clips)} clips")
    for name, clips in (("a", found.only_in_a), ("b", found.only_in_b)):
        if clips:
            console.print(escape(f"only in {name}      {', '.join(clips)}"))
    _print_changed(found.changed)


def print_eval_difference(found: EvalDifference) -> None:
    """A row a stage, then the classes that changed most."""
    console = results()
    table = Table(
        title=escape(f"{found.b.id} against {found.a.id}"), title_justify="left", box=box.SIMPLE_HEAD
    )
    for column in ("stage", "metric", "a", "b", "change"):
        table.add_column(column, justify="left" if column in ("stage", "metric") else "right")
    for stage in found.stages:
        change = f"{stage.b - stage.a:+.4f}"
        table.add_row(
            escape(stage.stage),
            escape(stage.metric),
            f"{stage.a:.4f}",
            f"{stage.b:.4f}",
            f"[yellow]{change}[/]" if stage.worse else change,
        )
    console.print(table if found.stages else "no stage that both have")
    for item in found.classes[:_CLASSES]:
        console.print(
            escape(f"{item.stage}: recall of {item.label} {_share(item.a_recall)} -> {_share(item.b_recall)}")
        )
    if len(found.classes) > _CLASSES:
        console.print(f"and {len(found.classes) - _CLASSES} classes more: --json has them")
    _print_changed(found.changed)


def _print_changed(found: Sequence[Changed]) -> None:
    for item in found:
        results().print(escape(f"{item.what}: {_short(item.a)} -> {_short(item.b)}"))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def print_collected(done: Collected) -> None:
    """A line a run, and the sum."""
    verb = "would remove" if done.dry_run else "removed"
    for item in done.removed:
        click.echo(f"{verb} {item.id}")
    tagged = f"; {done.tagged} more have a tag" if done.tagged else ""
    click.echo(f"{verb} {len(done.removed)} runs, {done.bytes} bytes of records; {done.kept} stay{tagged}")


def _figures(found: Headline) -> tuple[str, str, str, str]:
    return (
        "-" if found.runs is None else str(found.runs),
        "-" if found.failed is None else str(found.failed),
        "-" if found.median_ms is None else f"{found.median_ms:.3f}",
        "-" if found.value is None else f"{found.metric} {found.value:.3f}",
    )


def _when(created: str) -> str:
    return f"{datetime.datetime.fromisoformat(created).astimezone():%Y-%m-%d %H:%M}"


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
