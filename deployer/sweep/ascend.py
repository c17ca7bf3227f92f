"""The same sweep by the second vendor's tools: the batch axis freed, then Ascend's own steps for each size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from board_runner.errors import UsageError
from board_runner.graph import Graph
from deployer.conversion import ascend_sweep
from deployer.events import Emit, ignore
from deployer.sweep.batch_axis import FREE, sample_shape, with_batch
from deployer.sweep.measure import SEED, Plan, verified
from deployer.sweep.report import Row, SweepReport
from toolchain_wrappers import ascend
from toolchain_wrappers.ascend import Toolkit


@dataclass(frozen=True, kw_only=True)
class Device:
    """Which tools, which chip, and where they work. `data` are the samples for the vendor's runner, if any."""

    toolkit: Toolkit
    work: Path
    data: Path | None = None
    soc_version: str = "Ascend310P3"
    device_id: int = 0


def sweep(
    model: Path, plan: Plan, device: Device, *, stall_timeout_s: float = 600.0, emit: Emit = ignore
) -> SweepReport:
    """Compile and run `model` in each batch size, once its batches are known to compute the same on this host.

    Without `device.data` seeded noise is written, as many samples as the runner needs, a `.npy` each. The runner
    leaves out what fills no whole batch: `plan.last` must be `drop`. Raises as `measure.sweep`, and ToolchainError.
    """
    if plan.last != "drop":
        raise UsageError("Ascend's runner leaves the last, partial batch out", hint="--last drop says so")
    graph = Graph.load(model)
    shape = sample_shape(graph)
    verified(graph, plan)
    device.work.mkdir(parents=True, exist_ok=True)
    freed = device.work / f"{model.stem}_any_batch.onnx"
    with_batch(graph, FREE).save(freed)
    known = plan.samples
    if device.data is None:
        known = plan.samples or max(plan.batches) * (device.toolkit.warm_up_batches + 1)
    job = ascend.Job(
        toolkit=device.toolkit,
        model=freed,
        input_name=graph.inputs[0].name,
        sample_shape=shape,
        work=device.work,
        data=device.data or _noise(device.work / "samples", known or 0, shape),
        samples=known,
        batches=plan.batches,
        soc_version=device.soc_version,
        device_id=device.device_id,
    )
    made = ascend_sweep.sweep(job, stall_timeout_s=stall_timeout_s, emit=emit)
    rows = tuple(
        Row(
            batch=row.batch,
            input_shape=row.input_shape,
            samples=known,
            partial=0,
            lost=job.lost_samples(row.batch),
            invoke_ms=row.invoke_ms,
        )
        for row in made.rows
    )
    return SweepReport(
        model=model.name,
        engine=f"Ascend's tools on {device.soc_version}",
        rounds=1,
        threads=None,
        load_average=None,
        rows=rows,
    )


def _noise(folder: Path, count: int, shape: tuple[int, ...]) -> Path:
    folder.mkdir(exist_ok=True)
    for stale in folder.glob("*.npy"):
        stale.unlink()
    rng = np.random.default_rng(SEED)
    for number in range(count):
        np.save(folder / f"{number:06}.npy", rng.standard_normal(shape).astype(np.float32))
    return folder
