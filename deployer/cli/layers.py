"""`deploy compare-sim REF CAND --layers`."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from rich import box
from rich.console import Console
from rich.table import Table

from board_runner.errors import UsageError
from deployer.cli.console import results
from deployer.cli.options import Session
from deployer.layers import between, disk, files
from deployer.layers.between import LayerPlan, LayerRequest
from deployer.layers.measure import Errors
from deployer.layers.report import Jump, LayerReport, LayerRow, Order, Unmatched
from deployer.project import Project

F = TypeVar("F", bound=Callable[..., Any])

TOP = 20
_NAME_WIDTH = 48


@dataclass(frozen=True, kw_only=True)
class LayerOptions:
    """What was asked for besides the two stages."""

    clips: int
    out: Path | None
    keep: Path | None
    order: Order
    every: bool
    dry_run: bool


def options(function: F) -> F:
    """`--layers` and what goes with it; the command gets `layers`: LayerOptions, or None without `--layers`."""

    @click.option("--layers", "by_layers", is_flag=True, help="Compare two stages layer by layer.")
    @click.option("--layer-clips", type=click.IntRange(min=1), default=1, help="Clips for --layers [1].")
    @click.option("--all-layers", is_flag=True, help=f"Show every layer, not the first {TOP}.")
    @click.option(
        "--layers-by",
        type=click.Choice(["accumulated", "single", "execution"]),
        default="accumulated",
        help="Sort layers: worst first by an error, or as executed.",
    )
    @click.option(
        "--layers-out",
        type=click.Path(path_type=Path, file_okay=False),
        help="Keep layers.json, layers.txt (the vendor's lines) and layers.svg.",
    )
    @click.option(
        "--keep-tensors",
        type=click.Path(path_type=Path, file_okay=False),
        help="Keep every layer's tensors, an .npz a layer.",
    )
    @click.option(
        "--dry-run",
        "layers_dry_run",
        is_flag=True,
        help="With --layers: say what disk it needs, run nothing.",
    )
    @functools.wraps(function)
    def wrapper(
        *args: Any,
        by_layers: bool,
        layer_clips: int,
        all_layers: bool,
        layers_by: str,
        layers_out: Path | None,
        keep_tensors: Path | None,
        layers_dry_run: bool,
        **kwargs: Any,
    ) -> Any:
        if not by_layers and (layer_clips > 1 or all_layers or layers_out or keep_tensors or layers_dry_run):
            raise UsageError("options for layers without --layers", hint="add --layers")
        found = LayerOptions(
            clips=layer_clips,
            out=layers_out,
            keep=keep_tensors,
            order=cast(Order, layers_by),
            every=all_layers,
            dry_run=layers_dry_run,
        )
        return function(*args, layers=found if by_layers else None, **kwargs)

    return cast(F, wrapper)


def run(
    session: Session,
    project: Project,
    stages: Sequence[str],
    asked: LayerOptions,
    *,
    wavs: Sequence[Path] = (),
) -> None:
    """Plan, compare, keep and show; over the first of `wavs`, or of the project's clips where there are none.

    Suspicious layers do not change the exit code: they explain, limits judge.
    """
    if len(stages) != 2:
        raise UsageError(
            f"--layers compares two stages, got {len(stages)}",
            hint="`deploy compare-sim float fixed --layers`",
        )
    request = LayerRequest(
        reference=stages[0], candidate=stages[1], clips=asked.clips, keep=asked.keep, wavs=tuple(wavs)
    )
    with session.progress() as emit:
        planned = between.plan(project, request, emit=emit)
        report = None if asked.dry_run else between.run(project, planned, emit=emit)
    if report is None:
        session.show(plan_data(planned), lambda: show_plan(planned))
        return
    if asked.out is not None:
        files.write(report, asked.out)
    session.show(as_data(report, planned), lambda: show(report, order=asked.order, every=asked.every))


def plan_data(planned: LayerPlan) -> dict[str, Any]:
    """Stages, clips, and every need of disk."""
    needs = [{**asdict(need), "folder": str(need.folder), "enough": need.enough} for need in planned.needs]
    return {
        "reference": {"stage": planned.pair.reference.stage, "detail": planned.pair.reference.detail},
        "candidate": {"stage": planned.pair.candidate.stage, "detail": planned.pair.candidate.detail},
        "clips": [wav.name for wav in planned.wavs],
        "disk": needs,
        "unsized_layers": planned.unsized,
    }


def as_data(report: LayerReport, planned: LayerPlan) -> dict[str, Any]:
    """The whole report, in the order of execution, and the disk that was reckoned."""
    return {"layers": files.as_data(report), "disk": plan_data(planned)["disk"]}


def show_plan(planned: LayerPlan) -> None:
    """A line a need."""
    console = results()
    if not planned.needs:
        console.print("no disk needed: everything is computed in memory")
    for need in planned.needs:
        verdict = "[green]enough[/]" if need.enough else "[red]not enough[/]"
        free = disk.shown(need.free_bytes)
        console.print(f"{need.what}: {disk.shown(need.size_bytes)} in {need.folder}, {free} free, {verdict}")
    if planned.unsized:
        console.print(f"{planned.unsized} layers state no shape and are not in these figures")


def show(report: LayerReport, *, order: Order, every: bool) -> None:
    """The worst layers, the first jump, and what could not be compared."""
    rows = report.ordered(order)
    shown = rows if every else rows[:TOP]
    clips = report.clips[0] if len(report.clips) == 1 else f"{len(report.clips)} clips"
    table = Table(
        title=f"{report.candidate} against {report.reference} by layers, {clips}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("#", justify="right")
    table.add_column("layer", no_wrap=True)
    table.add_column("op")
    for name in ("cosine", "RMSE", "SQNR dB", "single dB"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("mark")
    for row in shown:
        table.add_row(*_cells(row))
    console = results()
    console.print(table)
    _notes(console, report, left_out=len(rows) - len(shown))


def shortened(name: str, width: int = _NAME_WIDTH) -> str:
    """The name with its middle left out: layers differ at both ends."""
    if len(name) <= width:
        return name
    head = (width - 1) // 3
    return f"{name[:head]}…{name[len(name) - (width - 1 - head) :]}"


def _notes(console: Console, report: LayerReport, *, left_out: int) -> None:
    marked = (
        f"{len(report.suspicious)} of {len(report.rows)} layers are suspicious (COS < 0.99 or RMSE > 0.1)"
    )
    console.print(marked + (f"; {left_out} more with --all-layers" if left_out else ""))
    if report.jump is None:
        console.print("no jump: no layer adds ten times the noise of what it reads")
    else:
        console.print(_jump(report, report.jump), markup=False)
    if report.no_single:
        console.print(f"no single errors: {report.no_single}")
    for what, missing in (
        (f"only in {report.reference}, {_why(report.only_reference)}", report.only_reference),
        (f"only in {report.candidate}, {_why(report.only_candidate)}", report.only_candidate),
        ("of another shape", report.shapes_differ),
    ):
        if missing:
            ops = Counter(item.op or "?" for item in missing).most_common()
            counted = ", ".join(f"{op} {count}" for op, count in ops)
            console.print(f"{len(missing)} tensors {what}: {counted}", markup=False)
    for stage, detail in (
        (report.reference, report.reference_detail),
        (report.candidate, report.candidate_detail),
    ):
        console.print(f"[dim]{stage}: {detail}[/]")


def _jump(report: LayerReport, jump: Jump) -> str:
    rows = {row.name: row for row in report.rows}
    row = rows[jump.name]
    read = [rows[name].accumulated for name in row.sources if name in rows and name != row.name]
    inputs = max(read, key=lambda errors: errors.noise_ratio, default=None)
    said = [f"alone {_quality(row.single)}"] if row.single is not None else []
    said.append(f"in the chain {_quality(row.accumulated)}")
    if inputs is not None:
        said.append(f"what it reads {_quality(inputs)}")
    return f"first jump: #{jump.index} {jump.name} ({jump.op}): {', '.join(said)}"


def _why(missing: Sequence[Unmatched]) -> str:
    return missing[0].why if missing else ""


def _cells(row: LayerRow) -> list[str]:
    colour = {"large": "red", "suspicious": "red", "oscillating": "yellow"}
    marks = [f"[{colour[mark]}]{mark}[/]" for mark in row.marks]
    return [
        str(row.index),
        shortened(row.name),
        row.op,
        _number(row.accumulated.cosine, "{:.6f}"),
        _number(row.accumulated.rmse, "{:.4f}"),
        _decibels(row.accumulated),
        "-" if row.single is None else _decibels(row.single),
        ", ".join(marks),
    ]


def _quality(errors: Errors) -> str:
    """A vendor's text has no SQNR."""
    if errors.sqnr_db is None:
        return f"COS {_number(errors.cosine, '{:.6f}')}"
    return f"{_decibels(errors)} dB"


def _decibels(errors: Errors) -> str:
    if errors.sqnr_db is None:
        return "-"
    return "equal" if errors.noise_ratio == 0.0 else f"{errors.sqnr_db:.1f}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
