"""One stage over the clips that have no answer yet; each answer is kept as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from board_runner.contract import Tensors
from board_runner.engine import Engine
from deployer.comparison import stages
from deployer.comparison.stages import Maker, Pace, Simulation
from deployer.evaluation.answer_file import AnswerFile
from deployer.evaluation.answers import Answer
from deployer.evaluation.listing import Listed, Listing
from deployer.evaluation.reading import Reading
from deployer.events import Advanced, Emit, Finished, Started
from deployer.scheduler import InProcess, Processes, Scheduler, Threads

TOGETHER = 4
"""Clips that a process gets at once: what a kill loses is no more than twice these for each."""

Answered: TypeAlias = tuple[Listed, Answer]

Runs: TypeAlias = Callable[[Iterable[Listed], int, Emit], Iterator[Sequence[Answered]]]
"""Clips, how many they are, and where tools' own lines go -> answers, some at a time, in the clips' order."""


def answer_all(stage: str, runs: Runs, listing: Listing, answers: AnswerFile, *, emit: Emit) -> None:
    """Run the stage over every clip without an answer; raises what the stage raises, its answers so far kept."""
    wanted = sum(answers.want(listed.key) for listed in listing)
    emit(Started(step=stage, total=wanted, unit="clips"))
    missing = (listed for listed in listing if answers.begin(listed.key))
    done, pace = 0, Pace(wanted)
    for some in runs(missing, wanted, emit) if wanted else ():
        for listed, answer in some:
            answers.append(listed.key, listed.clip.name, answer)
        done += len(some)
        emit(Advanced(step=stage, done=done, total=wanted, note=pace.told(done, time.monotonic())))
    kept = f", {listing.distinct - wanted} kept from before" if wanted < listing.distinct else ""
    emit(Finished(step=stage, note=f"{wanted} clips{kept}"))


@dataclass(frozen=True, kw_only=True)
class ByEngine:
    """A stage that an engine runs: here, or in a process a job where the clips are many."""

    make: Maker
    reading: Reading
    jobs: int

    def __call__(self, clips: Iterable[Listed], count: int, emit: Emit) -> Iterator[Sequence[Answered]]:
        """As `Runs`."""
        if self.jobs == 1 or count <= stages.FEW:
            worker = _Worker(self.make, self.reading)
            yield from InProcess().map(worker.run, stages.parts(clips, 1))
        else:
            arguments = (self.make, self.reading)
            pool: Scheduler = Processes(jobs=self.jobs, prepare=_prepare, arguments=arguments)
            yield from pool.map(_run, stages.parts(clips, TOGETHER))


class _Worker:
    """What one process works on; its engine is loaded with the first clip."""

    def __init__(self, make: Maker, reading: Reading) -> None:
        self._make, self._reading = make, reading
        self._engine: Engine | None = None

    def run(self, clips: tuple[Listed, ...]) -> list[Answered]:
        engine = self._engine = self._engine or self._make()
        return [(listed, self._reading.run(engine, listed.clip)) for listed in clips]


_workers: list[_Worker] = []
"""In a worker process: the one that `_prepare` made."""


def _prepare(make: Maker, reading: Reading) -> None:
    _workers[:] = [_Worker(make, reading)]


def _run(clips: tuple[Listed, ...]) -> list[Answered]:
    return _workers[0].run(clips)


@dataclass(frozen=True, kw_only=True)
class BySimulator:
    """A stage that the toolchain's simulator runs, some clips a start, several at once."""

    stage: str
    simulation: Simulation
    reading: Reading
    jobs: int

    def __call__(self, clips: Iterable[Listed], count: int, emit: Emit) -> Iterator[Sequence[Answered]]:
        """As `Runs`. Raises ToolchainError for a missing or short dump."""
        watch = stages.StoppableTool(self.stage, emit)

        def shard(some: tuple[Listed, ...]) -> list[Answered]:
            return self._shard(some, watch)

        size = min(stages.SHARD, -(-count // self.jobs))
        yield from Threads(jobs=self.jobs, stop=watch.stop).map(shard, stages.parts(clips, size))

    def _shard(self, some: tuple[Listed, ...], emit: Emit) -> list[Answered]:
        by_key = {listed.key: listed for listed in some}
        found: dict[str, Answer] = {}

        def take(key: str, outputs: Tensors, _: Path) -> None:
            found[key] = self.reading.answer([outputs], by_key[key].clip)

        tensors = [(listed.key, self.reading.tensor(listed.clip)) for listed in some]
        stages.simulate_once(self.stage, self.simulation, tensors, take, emit=emit)
        return [(listed, found[listed.key]) for listed in some]
