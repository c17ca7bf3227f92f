"""`deploy compare-sim`."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import click
from rich import box
from rich.table import Table

from deployer import pipeline
from deployer.cli.console import results
from deployer.cli.options import Session, board, common
from deployer.compare_sim import Compared, Judged
from deployer.project import Project


@click.command("compare-sim")
@click.argument("stages", nargs=-1, required=True)
@board
@common
def command(session: Session, stages: tuple[str, ...], board_name: str | None) -> None:
    """Run STAGES (two or more of torch onnx float fixed offline board) on every clip and compare them.

    Each stage is held against the one before it, and the last against the first; the limits of deploy.yaml
    decide the exit code.
    """
    project = Project(session.deployment)
    with session.progress() as emit:
        done = pipeline.compare(
            project, stages, config=lambda: session.deployment.board(board_name), emit=emit
        )
    session.show(as_data(done), lambda: show(done))
    done.raise_failure()


def as_data(done: Compared) -> dict[str, Any]:
    """Everything but the tensors themselves; an infinite SQNR is null with `equal` true."""
    return {
        "stages": [{"stage": stage.stage, "detail": stage.detail} for stage in done.stages],
        "comparisons": [_row_data(judged) for judged in done.judged],
    }


def _row_data(judged: Judged) -> dict[str, Any]:
    row = asdict(judged.comparison)
    for item in [row, *(clip["diff"] for clip in row["clips"])]:
        item["equal"] = item["sqnr_db"] == math.inf
        if item["equal"]:
            item["sqnr_db"] = None
    return row | {"passed": judged.verdict.passed, "failures": list(judged.verdict.failures)}


def show(done: Compared) -> None:
    """A row a comparison, and what computed each stage."""
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
    console = results()
    console.print(table)
    for stage in done.stages:
        console.print(f"[dim]{stage.stage}: {stage.detail}[/]")


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


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
