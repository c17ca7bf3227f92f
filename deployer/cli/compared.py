"""A comparison of stages, drawn: as tables for people, as data for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from deployer.cli.console import results
from deployer.comparison.compare import Comparison, Limits, StageOutputs
from deployer.comparison.compare_sim import Compared, Judged
from deployer.comparison.decisions import Agreement, Decided, Flip, interval

FLIPS = 20
"""Flips that are listed one by one; --json has them all."""

MANY = 10
"""Above so many clips their figures are summed up in a line too."""

ROUNDING_DB = 100.0


def as_data(done: Compared) -> dict[str, Any]:
    """Everything but the tensors themselves; null for what is not finite, an infinite SQNR with `equal` true."""
    clips = done.agreement.clips if done.agreement is not None else 0
    data = {
        "stages": [_stage_data(stage) for stage in done.stages],
        "comparisons": [_row_data(judged, done.labels, clips) for judged in done.judged],
        "agreement": _agreement_data(done.agreement) if done.agreement is not None else None,
        "left_out": list(done.left_out),
    }
    return {key: _finite(value) for key, value in data.items()}


def _stage_data(stage: StageOutputs) -> dict[str, Any]:
    data: dict[str, Any] = {"stage": stage.stage, "detail": stage.detail}
    if stage.fingerprints is not None:
        data["fingerprints"] = {clip: f"0x{xor:08x}" for clip, xor in stage.fingerprints.items()}
    return data


def _finite(value: Any) -> Any:
    """JSON knows neither NaN nor infinity."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _agreement_data(found: Agreement) -> dict[str, Any]:
    """With the shares, and each stage's accuracy with its 95 % interval where the truth is known."""
    accuracy = [
        {"stage": stage, "share": right / found.known, "interval": interval(right, found.known)}
        for stage, right in zip(found.stages, found.right, strict=True)
        if found.known
    ]
    shares = [[count / found.clips for count in row] for row in found.counts] if found.clips else []
    return asdict(found) | {"shares": shares, "accuracy": accuracy}


def _row_data(judged: Judged, labels: Sequence[str], clips: int) -> dict[str, Any]:
    row = asdict(judged.comparison)
    for item in [row, *(clip["diff"] for clip in row["clips"])]:
        item["equal"] = item["sqnr_db"] == math.inf
        if item["equal"]:
            item["sqnr_db"] = None
    for flip in row["flips"]:
        for side in ("reference", "candidate"):
            flip[side]["label"] = _label(flip[side]["class_id"], labels)
        flip["target_label"] = None if flip["target"] is None else _label(flip["target"], labels)
    alike = clips - len(row["flips"])
    row["decided_alike"] = {"clips": alike, "of": clips, "interval": interval(alike, clips)}
    return row | {"passed": judged.verdict.passed, "failures": list(judged.verdict.failures)}


def show(done: Compared, *, worst: int = 0) -> None:
    """A row a comparison; then what there is to say of flips, agreement, worst clips and limits."""
    console = results()
    console.print(_overview(done))
    if done.agreement is not None:
        console.print(_matrix(done.agreement) if _differ(done.agreement) else _alike(done.agreement))
    for judged in done.judged:
        _flips(console, judged.comparison, done.labels)
    for judged in done.judged[: len(done.stages) - 1]:
        _worst(console, judged.comparison, worst)
        _spread(console, judged.comparison)
    _limits(console, [judged.comparison for judged in done.judged])
    if done.left_out:
        console.print(
            f"[yellow]{len(done.left_out)} clips left out[/], not in all stages: {done.left_out[0]} ..."
        )
    for stage in done.stages:
        console.print(f"[dim]{stage.stage}: {stage.detail}[/]", soft_wrap=True)


def _overview(done: Compared) -> Table:
    table = Table(title="stage against stage", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("stage", "against"):
        table.add_column(name)
    for name in ("cosine", "RMSE", "SQNR dB", "max abs", "top-1"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("worst clip", overflow="fold")
    table.add_column("verdict")
    for judged in done.judged:
        table.add_row(*_cells(judged))
    table.caption = "cosine and RMSE (sum|a-b| / sum|b|) of the worst clip; SQNR over all clips"
    table.caption_justify = "left"
    return table


def _cells(judged: Judged) -> list[str]:
    row, verdict = judged.comparison, judged.verdict
    equal = row.sqnr_db == math.inf
    no_worst = equal or (row.class_ids_only and row.top1_agreement == 1.0)
    return [
        row.candidate,
        row.reference,
        _number(row.cosine_min, "{:.6f}"),
        _number(row.rmse_max, "{:.6f}"),
        "equal" if equal else _number(row.sqnr_db, "{:.1f}"),
        _number(row.max_abs, "{:.3g}"),
        f"{row.top1_agreement:.0%}",
        "-" if no_worst else row.worst_clip,
        "[green]pass[/]" if verdict.passed else f"[red]{'; '.join(verdict.failures)}[/]",
    ]


def _differ(agreement: Agreement) -> bool:
    return any(count != agreement.clips for row in agreement.counts for count in row)


def _alike(agreement: Agreement) -> str:
    """The matrix in a line, where all decide alike."""
    text = f"all stages decide alike on {agreement.clips} clips"
    if not agreement.known:
        return text
    low, high = interval(agreement.right[-1], agreement.known)
    share = f"{agreement.right[-1]} of {agreement.known} right"
    return f"{text}; {share} (95 % interval {low:.0%} to {high:.0%})"


def _matrix(agreement: Agreement) -> Table:
    """Clips on which two stages decide alike; with the truth known, how many each has right."""
    title = f"equal decisions, of {agreement.clips} clips"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("")
    for name in agreement.stages:
        table.add_column(name, justify="right")
    for name, row in zip(agreement.stages, agreement.counts, strict=True):
        table.add_row(name, *(str(count) for count in row))
    if agreement.known:
        table.add_row(f"right of {agreement.known}", *(str(count) for count in agreement.right))
    first, last = agreement.stages[0], agreement.stages[-1]
    said = [_interval(f"{last}'s agreement with {first}", agreement.counts[0][-1], agreement.clips)]
    if agreement.known:
        said.append(_interval(f"{last}'s accuracy", agreement.right[-1], agreement.known))
    table.caption = "95 % intervals: " + "; ".join(said)
    table.caption_justify = "left"
    return table


def _interval(what: str, hits: int, of: int) -> str:
    low, high = interval(hits, of)
    return f"{what} {low:.0%} to {high:.0%}"


def _flips(console: Console, row: Comparison, labels: Sequence[str]) -> None:
    flips(
        console,
        row.flips,
        len(row.flips),
        reference=row.reference,
        candidate=row.candidate,
        labels=labels,
    )


def flips(
    console: Console,
    found: Sequence[Flip],
    count: int,
    *,
    reference: str,
    candidate: str,
    labels: Sequence[str],
) -> None:
    """The first of `count` flips, each with both classes and by how much they lead; nothing where there is none."""
    if not found:
        return
    title = f"{count} clips that {candidate} decides otherwise than {reference}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("clip", reference, candidate, "truth"):
        table.add_column(name, overflow="fold")
    for flip in found[:FLIPS]:
        table.add_row(*_flip_cells(flip, labels))
    table.caption = "in brackets by how much the class leads the second; the closest first"
    table.caption_justify = "left"
    console.print(table)
    if count > FLIPS:
        console.print(f"[dim]... and {count - FLIPS} more; --json has all[/]")


def _flip_cells(flip: Flip, labels: Sequence[str]) -> list[str]:
    truth = "-" if flip.target is None else f"{flip.target} {_label(flip.target, labels)}"
    return [flip.clip, _decided(flip.reference, labels), _decided(flip.candidate, labels), truth]


def _decided(decided: Decided, labels: Sequence[str]) -> str:
    margin = f" ({decided.margin:.3f})" if decided.margin is not None else ""
    return f"{decided.class_id} {_label(decided.class_id, labels)}{margin}"


def _label(class_id: int, labels: Sequence[str]) -> str:
    return labels[class_id] if 0 <= class_id < len(labels) else ""


def _worst(console: Console, row: Comparison, count: int) -> None:
    rows = row.worst(count)
    if not rows or _all_but_equal(row):
        return
    title = f"worst clips of {row.candidate} against {row.reference}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("clip", overflow="fold")
    for name in ("cosine", "RMSE", "SQNR dB", "max abs"):
        table.add_column(name, justify="right")
    for each in rows:
        figures = (each.diff.cosine, each.diff.rmse, each.diff.sqnr_db, each.diff.max_abs)
        forms = ("{:.6f}", "{:.6f}", "{:.1f}", "{:.3g}")
        table.add_row(each.clip, *(_number(f, form) for f, form in zip(figures, forms, strict=True)))
    console.print(table)


def _spread(console: Console, row: Comparison) -> None:
    if len(row.clips) > MANY and (cosines := row.quantiles.get("cosine")):
        over = ", ".join(f"{name} {value:.6f}" for name, value in cosines.items())
        console.print(f"[dim]cosine over {len(row.clips)} clips: {over}[/]")
    for note, count in row.notes.items():
        console.print(f"[dim]{row.candidate}: {note} ({count} tensors)[/]")
    if row.spread is None or _all_but_equal(row):
        return
    shown = ", ".join(f"{float(q):.1%} <= {value:.2g}" for q, value in row.spread.quantiles.items())
    pair = f"{row.candidate} against {row.reference}, {row.spread.elements} values"
    console.print(f"[dim]errors of {pair}: {shown}[/]", soft_wrap=True)


def _all_but_equal(row: Comparison) -> bool:
    """Where there is nothing to look into: equal, or apart by float32's own rounding."""
    return row.sqnr_db is not None and row.sqnr_db > ROUNDING_DB


def _limits(console: Console, rows: Sequence[Comparison]) -> None:
    """The limits that all would just pass, as deploy.yaml takes them."""
    known = [row.passing for row in rows if row.passing is not None]
    if not known or len(known) != sum(not row.class_ids_only for row in rows):
        return
    least = Limits(
        cosine_min=min(each.cosine_min for each in known),
        rmse_max=max(each.rmse_max for each in known),
        top1_min=min([row.top1_agreement for row in rows] + [each.top1_min for each in known]),
    )
    console.print(
        f"[dim]would pass with `limits: {{cosine_min: {least.cosine_min:.4f}, rmse_max: {least.rmse_max:.4f}, "
        f"top1_min: {math.floor(least.top1_min * 1e4) / 1e4:g}}}`[/]",
        soft_wrap=True,
    )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
