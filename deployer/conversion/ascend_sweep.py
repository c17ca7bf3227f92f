"""Ascend through the same door: compile and run each batch size, hold each to what it must make, and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from board_runner.errors import UsageError
from board_runner.graph import Graph
from deployer import shell
from deployer.events import Advanced, Emit, Finished, Logged, Started
from toolchain_wrappers import ascend, ascend_console
from toolchain_wrappers.ascend import Job, Step
from toolchain_wrappers.ascend_console import Throughput

STEP = "ascend"
NO_SIMULATOR = "none: Ascend's tools run nothing on the host, so float and device are all there is to compare"


@dataclass(frozen=True, kw_only=True)
class AscendReport:
    """A row a batch size. `stages` says by what means each stage is there; None where it is not."""

    soc_version: str
    stages: Mapping[str, str | None]
    rows: tuple[Throughput, ...]

    def as_data(self) -> dict[str, Any]:
        """For `--json`; a stage that is not there is null."""
        rows = [{**asdict(row), "samples_per_s": row.samples_per_s} for row in self.rows]
        falls = [[small.batch, large.batch] for small, large in ascend_console.falls(self.rows)]
        return {
            "vendor": "ascend",
            "soc_version": self.soc_version,
            "stages": dict(self.stages),
            "rows": rows,
            "slower_though_larger": falls,
        }

    def as_text(self) -> str:
        """The stages, a line each, and the table."""
        lines = [f"{name}: {by or NO_SIMULATOR}" for name, by in self.stages.items()]
        return "\n".join([*lines, "", ascend_console.table(self.rows)])


def sweep(job: Job, *, stall_timeout_s: float, emit: Emit) -> AscendReport:
    """Every step of `job` in order, its log in `job.work`.

    Raises ToolchainError for what must fail later, before anything runs, and for a step that did not do all it
    promised, whatever its exit status.
    """
    steps = ascend.steps(job)
    job.work.mkdir(parents=True, exist_ok=True)
    emit(Started(step=STEP, total=len(steps), unit="steps"))
    rows = []
    for done, step in enumerate(steps, start=1):
        text = _run(step, job.work / f"{step.kind}_bs{step.batch}.log", stall_timeout_s, emit)
        if step.kind == "run":
            rows.append(ascend.result(step, text))
        emit(Advanced(step=STEP, done=done, total=len(steps), note=step.name))
    emit(Finished(step=STEP, note=f"{len(rows)} batch sizes on {job.soc_version}"))
    return AscendReport(soc_version=job.soc_version, stages=ascend.stages(), rows=tuple(rows))


def input_of(model: Path) -> tuple[str, tuple[int, ...]]:
    """Name and shape of an ONNX model's one input, batch left out. Raises UsageError for several."""
    inputs = Graph.load(model).inputs
    if len(inputs) != 1:
        raise UsageError(
            f"{model} has {len(inputs)} inputs; Ascend's public scripts take one",
            hint="give --input NAME:SIZE,SIZE if the model is no ONNX",
        )
    return inputs[0].name, tuple(inputs[0].shape[1:])


def _run(step: Step, log: Path, stall_timeout_s: float, emit: Emit) -> str:
    before = ascend.seen(step)
    percent: list[float] = [-1.0]

    def progressed(line: str) -> bool:
        """A bar that stands still is no progress; any other line is."""
        now = step.console.percent(line)
        moved = now is None or now != percent[0]
        percent[0] = percent[0] if now is None else now
        return moved

    ran = shell.stream(
        step.argv,
        cwd=step.cwd,
        env=step.env,
        log=log,
        on_line=lambda line: emit(Logged(step=STEP, line=line)),
        progressed=progressed,
        idle_timeout_s=stall_timeout_s,
    )
    text = log.read_text(encoding="utf-8", errors="replace")
    ascend.judge(step, before=before, exit_status=ran.exit_status, text=text)
    return text
