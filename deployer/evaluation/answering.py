"""One stage over the clips that have no answer yet; each answer is kept as it comes."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from board_runner.contract import Array, Tensors
from board_runner.engine import Engine
from board_runner.errors import InputError, ModelError
from deployer.comparison import stages
from deployer.comparison.stages import Maker, Simulation
from deployer.evaluation.answer_file import AnswerFile
from deployer.evaluation.answers import Answer, NoAnswer
from deployer.evaluation.listing import Listed, Listing, key_of
from deployer.evaluation.reading import Reading
from deployer.events import Advanced, Emit, Finished, Started, Warned, ignore
from deployer.scheduling.cluster import Cluster
from deployer.scheduling.scheduler import InProcess, Processes, Scheduler, Threads
from deployer.under_way.pace import Pace

TOGETHER = 4
"""Clips that a process gets at once: what a kill loses is no more than twice these for each."""

TOGETHER_ELSEWHERE = 64
"""The same for a cluster where the clips are many: there a shard costs milliseconds of the one client."""

SHARDS = 1000
"""So many shards keep a cluster busy to the end; more clips make them larger first."""

Answered: TypeAlias = tuple[Listed, Answer | NoAnswer]

Runs: TypeAlias = Callable[[Iterable[Listed], int, Emit], Iterator[Sequence[Answered]]]
"""Clips, how many they are, and where tools' own lines go -> answers, some at a time, in the clips' order."""


def answer_all(stage: str, runs: Runs, listing: Listing, answers: AnswerFile, *, emit: Emit) -> None:
    """Run the stage over every clip without an answer; raises what the stage raises, its answers so far kept.

    A clip that the stage gives no answer for is a warning, and `answers.why_none` tells of it.
    """
    wanted = sum(answers.want(listed.key) for listed in listing)
    emit(Started(step=stage, total=wanted, unit="clips"))
    missing = (listed for listed in listing if answers.begin(listed.key))
    done, pace = 0, Pace(wanted)
    for some in runs(missing, wanted, emit) if wanted else ():
        for listed, answer in some:
            if isinstance(answer, NoAnswer):
                answers.leave(listed.key, answer.reason)
                emit(Warned(step=stage, message=f"left out: {answer.reason}"))
            else:
                answers.append(listed.key, listed.clip.name, answer)
        done += len(some)
        emit(Advanced(step=stage, done=done, total=wanted, note=pace.told(done, time.monotonic())))
    kept = f", {listing.distinct - wanted} kept from before" if wanted < listing.distinct else ""
    emit(Finished(step=stage, note=f"{wanted} clips{kept}"))


SPOILT = (InputError, ModelError)
"""What one clip can do to an engine: it cannot be read, or the model makes no answer of it."""


@dataclass(frozen=True, kw_only=True)
class ByEngine:
    """A stage that an engine runs: here, in a process a job where the clips are many, or on a cluster.

    With `keep_going` a clip that cannot be answered has a reason for an answer, and ends nothing.
    """

    make: Maker
    reading: Reading
    jobs: int
    keep_going: bool = False
    cluster: Cluster | None = None

    def __call__(self, clips: Iterable[Listed], count: int, emit: Emit) -> Iterator[Sequence[Answered]]:
        """As `Runs`. Raises InputError and ModelError for a clip that cannot be answered."""
        arguments = (self.make, self.reading, self.keep_going)
        if self.cluster is not None:
            size = max(TOGETHER, min(TOGETHER_ELSEWHERE, count // SHARDS))
            yield from self.cluster.map(
                partial(_elsewhere, _Worker(*arguments).run), stages.parts(clips, size)
            )
        elif self.jobs == 1 or count <= stages.FEW:
            yield from InProcess().map(_Worker(*arguments).run, stages.parts(clips, 1))
        else:
            pool: Scheduler = Processes(jobs=self.jobs, prepare=_prepare, arguments=arguments)
            yield from pool.map(_run, stages.parts(clips, TOGETHER))


def _elsewhere(
    run: Callable[[tuple[Listed, ...]], list[Answered]], clips: tuple[Listed, ...]
) -> list[Answered]:
    """On another machine: the clips must be those that were listed. Raises InputError."""
    for listed in clips:
        if key_of(listed.clip) != listed.key:
            raise InputError(
                f"{listed.clip.path}: on {socket.gethostname()} another file than here",
                hint="share the data set's folder with the workers, or copy it again",
            )
    return run(clips)


class _Worker:
    """What one process works on; its engine is loaded with the first clip."""

    def __init__(self, make: Maker, reading: Reading, keep_going: bool) -> None:
        self._make, self._reading, self._keep_going = make, reading, keep_going
        self._engine: Engine | None = None

    def run(self, clips: tuple[Listed, ...]) -> list[Answered]:
        engine = self._engine = self._engine or self._make()
        return [(listed, self._answer(engine, listed)) for listed in clips]

    def _answer(self, engine: Engine, listed: Listed) -> Answer | NoAnswer:
        try:
            return self._reading.run(engine, listed.clip)
        except SPOILT as e:
            if not self._keep_going:
                raise
            return NoAnswer(reason=str(e))


_workers: list[_Worker] = []
"""In a worker process: the one that `_prepare` made."""


def _prepare(make: Maker, reading: Reading, keep_going: bool) -> None:
    _workers[:] = [_Worker(make, reading, keep_going)]


def _run(clips: tuple[Listed, ...]) -> list[Answered]:
    return _workers[0].run(clips)


@dataclass(frozen=True, kw_only=True)
class BySimulator:
    """A stage that the toolchain's simulator runs, some clips a start, several at once.

    `keep_going`: as of `ByEngine`. A simulator that fails ends the stage all the same.
    """

    stage: str
    simulation: Simulation
    reading: Reading
    jobs: int
    keep_going: bool = False
    cluster: Cluster | None = None

    def __call__(self, clips: Iterable[Listed], count: int, emit: Emit) -> Iterator[Sequence[Answered]]:
        """As `Runs`. Raises InputError, ModelError, and ToolchainError for a missing or short dump."""
        if self.cluster is not None:
            run = partial(_elsewhere, partial(replace(self, cluster=None)._shard, emit=ignore))
            yield from self.cluster.map(run, stages.parts(clips, stages.SHARD))
            return
        watch = stages.StoppableTool(self.stage, emit)

        def shard(some: tuple[Listed, ...]) -> list[Answered]:
            return self._shard(some, watch)

        size = min(stages.SHARD, -(-count // self.jobs))
        yield from Threads(jobs=self.jobs, stop=watch.stop).map(shard, stages.parts(clips, size))

    def _shard(self, some: tuple[Listed, ...], emit: Emit) -> list[Answered]:
        by_key = {listed.key: listed for listed in some}
        found: dict[str, Answer | NoAnswer] = {}
        tensors: list[tuple[str, Array]] = []

        def noted(key: str, work: Callable[[], None]) -> None:
            try:
                work()
            except SPOILT as e:
                if not self.keep_going:
                    raise
                found[key] = NoAnswer(reason=str(e))

        def read(listed: Listed) -> None:
            tensors.append((listed.key, self.reading.tensor(listed.clip)))

        def answer(key: str, outputs: Tensors) -> None:
            found[key] = self.reading.answer([outputs], by_key[key].clip)

        def take(key: str, outputs: Tensors, _: Path) -> None:
            noted(key, lambda: answer(key, outputs))

        for listed in some:
            noted(listed.key, partial(read, listed))
        if tensors:
            stages.simulate_once(self.stage, self.simulation, tensors, take, emit=emit)
        return [(listed, found[listed.key]) for listed in some]
