"""A sweep over batch sizes on this host: each timed in turns, and held to the answers one by one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from board_runner.contract import Array
from board_runner.errors import UsageError
from board_runner.graph import Graph
from deployer.errors import CheckFailed
from deployer.events import Advanced, Emit, Finished, Started, ignore
from deployer.statistics import Spread
from deployer.sweep.batch_axis import sample_shape
from deployer.sweep.engines import BAKED, EngineName, Run, blas_threads, maker
from deployer.sweep.report import Row, SweepReport
from toolchain_wrappers.ascend import BATCHES

STEP = "sweep"
SEED = 20260101
AGREEMENT = 1e-4
"""Largest difference from the answers one by one, times the largest of these where that is above 1."""

COMPARED = 8
"""So many samples of a batch are held to the answers one by one."""

Last = Literal["keep", "drop"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is swept. `samples` go through in each round, the batch sizes in turns; None: the largest batch's.

    `last` says what becomes of the samples that fill no whole batch: they are run as a smaller one, or left out.
    """

    batches: tuple[int, ...] = BATCHES
    samples: int | None = None
    rounds: int = 3
    last: Last = "keep"

    def __post_init__(self) -> None:
        """Raise UsageError for sizes that make no sweep."""
        if not self.batches or min(self.batches) < 1 or len(set(self.batches)) < len(self.batches):
            raise UsageError(f"batch sizes must be 1 or more, each once; got {list(self.batches)}")
        if self.rounds < 1 or self.count < max(self.batches):
            raise UsageError(f"{self.count} samples make no whole batch of {max(self.batches)}")

    @property
    def count(self) -> int:
        """How many samples go through in a round."""
        return max(self.batches) if self.samples is None else self.samples


def sweep(model: Path, plan: Plan, *, engine: EngineName = "float", emit: Emit = ignore) -> SweepReport:
    """Run `model` on seeded noise in each batch size.

    Raises ModelError for a model that cannot be given another batch, CheckFailed where a batch size computes
    something else than one by one, UsageError without ONNX Runtime where that was asked for.
    """
    graph = Graph.load(model)
    data = _noise(plan.count, sample_shape(graph))
    emit(Started(step=STEP, total=plan.rounds * len(plan.batches), unit="passes"))
    make = maker(graph, engine)
    wanted = _one_by_one(make(1), data, max(plan.batches))
    passes = [_Pass(data, batch, plan.last) for batch in plan.batches]
    for done, one in enumerate(passes * plan.rounds, 1):
        one.run(make, wanted)
        emit(Advanced(step=STEP, done=done, total=plan.rounds * len(passes), note=f"batch {one.batch}"))
    rows = tuple(one.row() for one in passes)
    report = SweepReport(
        model=model.name,
        engine=engine,
        rounds=plan.rounds,
        threads=1 if engine == "onnxruntime" else blas_threads(),
        load_average=os.getloadavg()[0],
        rows=rows,
    )
    emit(
        Finished(
            step=STEP, note=f"{len(rows)} batch sizes by {engine}, {len(report.falls)} slower though larger"
        )
    )
    return report


def verified(graph: Graph, plan: Plan) -> None:
    """Raise as `sweep` does for batch sizes that compute something else, by the float engine; times nothing."""
    data = _noise(max(plan.batches), sample_shape(graph))
    make = maker(graph, "float")
    wanted = _one_by_one(make(1), data, len(data))
    for batch in plan.batches:
        _largest_difference(make(batch), data[:batch], wanted)


def _noise(count: int, shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(SEED).standard_normal((count, *shape)).astype(np.float32)


def _one_by_one(run: Run, data: Array, most: int) -> list[Mapping[str, Array]]:
    return [run(data[i : i + 1]) for i in range(min(len(data), most, COMPARED))]


class _Pass:
    """All samples in one batch size, timed. Between its turns it holds no engine: large batches take gigabytes."""

    def __init__(self, data: Array, batch: int, last: Last) -> None:
        self.batch, self.data = batch, data
        rest = len(data) % batch
        self.partial = rest if last == "keep" else 0
        self.lost = rest - self.partial
        self._apart = 0.0
        self._wall_ms: list[float] = []
        self._cpu_ms: list[float] = []

    def run(self, make: Callable[[int], Run], wanted: Sequence[Mapping[str, Array]]) -> None:
        """Once through the data, after a first batch that is not timed but held to the answers one by one."""
        run = make(self.batch)
        self._apart = max(self._apart, _largest_difference(run, self.data[: self.batch], wanted))
        whole = len(self.data) // self.batch * self.batch
        for start in range(0, whole, self.batch):
            part = self.data[start : start + self.batch]
            wall, cpu = time.perf_counter(), time.process_time()
            run(part)
            self._cpu_ms.append(1000 * (time.process_time() - cpu))
            self._wall_ms.append(1000 * (time.perf_counter() - wall))
        if self.partial:
            make(self.partial)(self.data[whole:])

    def row(self) -> Row:
        """What was measured."""
        spread = Spread.of(self._wall_ms)
        return Row(
            batch=self.batch,
            input_shape=(self.batch, *self.data.shape[1:]),
            samples=len(self.data),
            partial=self.partial,
            lost=self.lost,
            invoke_ms=spread.median_ms,
            invoke=spread,
            cpu_min_ms=min(self._cpu_ms),
            max_abs=self._apart,
        )


def _largest_difference(run: Run, data: Array, wanted: Sequence[Mapping[str, Array]]) -> float:
    """One batch beside the answers one by one; raises CheckFailed where they are no longer the same."""
    apart = 0.0
    for name, values in run(data).items():
        what = f"batch {len(data)}: output {name!r}"
        if len(values) != len(data):
            raise CheckFailed(f"{what} is {list(values.shape)}", hint=BAKED)
        for value, one in zip(values, wanted, strict=False):
            apart = max(apart, _difference(what, value, one[name]))
    return apart


def _difference(what: str, value: Array, one: Array) -> float:
    """Of one sample's output (...) in a batch from that by itself (1, ...)."""
    if value.shape != one.shape[1:]:
        raise CheckFailed(
            f"{what} is {list(value.shape)} a sample, one by one {list(one.shape[1:])}", hint=BAKED
        )
    apart = float(np.abs(value - one[0]).max())
    if not apart <= AGREEMENT * max(1.0, float(np.abs(one).max())):
        raise CheckFailed(f"{what} differs by {apart:.3g} from the answers one by one", hint=BAKED)
    return apart
