"""The stages of a model, and running one over a set of clips into a folder of outputs."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from board_runner.contract import Array, InputContract, Tensors
from board_runner.engine import Engine
from board_runner.errors import UsageError
from deployer import artifacts
from deployer.artifacts import Artifacts
from deployer.comparison.clip_set import ClipSet
from deployer.comparison.output_store import MAX_NAME_BYTES, OutputFolder, input_sha256
from deployer.conversion import staging, tool_run
from deployer.events import Advanced, Emit, Event, Finished, Logged, Started
from deployer.scheduling.scheduler import InProcess, Processes, Scheduler, Threads
from deployer.under_way.pace import Pace
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.runtime import Host
from toolchain_wrappers.sigmastar import commands, dumps
from toolchain_wrappers.sigmastar.tools import Tools

T = TypeVar("T")

NAMES = ("torch", "onnx", "float", "fixed", "offline", "board")
SIMULATED = {"float": artifacts.FLOAT, "fixed": artifacts.FIXED, "offline": artifacts.IMAGE}
TEXTS = "texts"
"""Below a stage's outputs: what its simulator wrote, a file a clip, as it was."""

SHARD = 16
"""Clips a simulator gets at once: its start costs about as much as a few clips."""

FEW = 24
"""Up to so many clips an engine runs here: processes cost more to start than they save."""


def check_names(names: Sequence[str]) -> None:
    """At least two different, known stages. Raises UsageError."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise UsageError(f"no stage {unknown[0]!r}", hint=f"stages: {', '.join(NAMES)}")
    if len(set(names)) != len(names) or len(names) < 2:
        raise UsageError(
            "a comparison needs two or more different stages", hint=f"stages: {', '.join(NAMES)}"
        )


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What the toolchain's simulator needs, whichever stage it runs."""

    tools: Tools
    artifacts: Artifacts
    contract: InputContract
    stall_timeout_s: float = 1800.0

    def model(self, stage: str) -> Path:
        """The converted file that a stage runs."""
        return self.artifacts.path(SIMULATED[stage])

    @property
    def work_parent(self) -> Path:
        """Where the simulator's folders are made: one that a container sees."""
        host = isinstance(self.tools.runtime, Host)
        return Path(tempfile.gettempdir()) if host else self.tools.tree.algorithm_dir


def simulate(
    stage: str, simulation: Simulation, clips: ClipSet, folder: OutputFolder, *, jobs: int, emit: Emit
) -> None:
    """Run one stage by the toolchain's simulator over the clips that `folder` does not hold yet.

    Each shard runs in a folder of its own, for the tool wipes ./log and ./output. Raises ToolchainError for a
    missing or short dump, whatever the exit status.
    """
    if not len(folder):  # texts of other outputs than those to come
        shutil.rmtree(folder.folder / TEXTS, ignore_errors=True)
    watch = StoppableTool(stage, emit)

    def shard(wavs: tuple[Path, ...]) -> Done:
        given = [(wav.name, clips.tensor(wav)) for wav in wavs]
        missing = {name: x for name, x in given if not folder.holds(name, input_sha256(x))}

        def keep(name: str, outputs: Tensors, text: Path) -> None:
            shutil.copyfile(text, text_file(folder.folder / TEXTS, name))
            folder.write(name, outputs, input_sha256=input_sha256(missing[name]))

        if missing:
            simulate_once(stage, simulation, list(missing.items()), keep, emit=watch)
        return Done(clips=len(wavs), computed=len(missing))

    shards = [tuple(part) for part in parts(clips.wavs, min(SHARD, -(-len(clips.wavs) // jobs)))]
    threads = Threads(jobs=jobs, stop=watch.stop)
    count(stage, shard, shards, threads, total=len(clips.wavs), emit=emit)


class StoppableTool:
    """The events of a simulator, which ends at its next line once `stop` was called."""

    def __init__(self, stage: str, emit: Emit) -> None:
        self._stage, self._emit, self._stopped = stage, emit, threading.Event()

    def stop(self) -> None:
        """No more of its results are wanted."""
        self._stopped.set()

    def __call__(self, event: Event) -> None:
        """From the tool's own thread, at its every line: raising here ends the tool."""
        if self._stopped.is_set():
            raise ToolchainError(f"the {self._stage} simulator was stopped")
        if isinstance(event, Logged):
            self._emit(event)


def simulate_once(
    stage: str,
    simulation: Simulation,
    tensors: Sequence[tuple[str, Array]],
    take: Callable[[str, Tensors, Path], None],
    *,
    emit: Emit,
) -> None:
    """Run the simulator once over named inputs; `take` gets each name's outputs, and the file of its own words.

    Raises ToolchainError for a missing or short dump, whatever the exit status.
    """
    tools, model = simulation.tools, simulation.model(stage)
    with tempfile.TemporaryDirectory(prefix="deploy-simulate-", dir=simulation.work_parent) as temporary:
        work = Path(temporary)
        staged = staging.stage(work / "data", tensors, suffix=tools.profile.data_suffix)
        script = work / "preprocess.py"
        script.write_bytes(simulation.artifacts.path(artifacts.DATA).read_bytes())
        if not isinstance(tools.runtime, Host):  # the store is not among its mounts
            model = Path(work, model.name)
            model.write_bytes(simulation.model(stage).read_bytes())
        ran = tool_run.run(
            tools,
            tools.simulator(
                model=model,
                data=staged.folder,
                preprocess=script,
                chip=simulation.artifacts.chip,
                work=work,
                stage=stage,
            ),
            step=stage,
            cwd=work,
            log=work / "simulator.log",
            stall_timeout_s=simulation.stall_timeout_s,
            emit=emit,
            grows=work / tools.profile.folders.scratch,
        )
        dumped = len(list((work / tools.profile.folders.dumps).glob("*.txt")))
        if ran.exit_status != 0 or dumped != len(staged.files):
            raise ran.failure(f"the {stage} simulator wrote {dumped} of {len(staged.files)} outputs")
        for name, _ in tensors:
            text = work / tools.profile.folders.dumps / commands.dump_name(model, staged.files[name])
            take(name, _read(text, simulation.contract), text)


def text_file(folder: Path, clip: str) -> Path:
    """Where the simulator's own words of one clip are kept, away from where its next run wipes them."""
    folder.mkdir(exist_ok=True)
    name = quote(clip, safe=" ")
    short = name if len(name) <= MAX_NAME_BYTES else hashlib.sha256(clip.encode()).hexdigest()
    return folder / f"{short}.txt"


def _read(path: Path, contract: InputContract) -> dict[str, Array]:
    if not path.is_file():
        raise ToolchainError(f"the simulator wrote no {path.name}")
    try:
        tensors = {tensor.name: tensor.values for tensor in dumps.parse(path.read_text(encoding="utf-8"))}
    except ToolchainError as e:
        raise ToolchainError(f"{path.name}: {e}") from e
    wanted = [spec.name for spec in contract.outputs]
    if sorted(tensors) != sorted(wanted):
        raise ToolchainError(f"{path.name}: holds {sorted(tensors)}, the model's outputs are {wanted}")
    return {name: tensors[name] for name in wanted}


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a shard held, and what of it was not there already."""

    clips: int
    computed: int


Maker = Callable[[], Engine]
"""Loads an engine, in whatever process; it must pickle."""


def run_engine(
    stage: str, make: Maker, clips: ClipSet, folder: OutputFolder, *, jobs: int, emit: Emit
) -> None:
    """Run one stage by its engine over the clips that `folder` does not hold yet, an engine a process."""
    total = len(clips.wavs)
    if jobs == 1 or total <= FEW:
        count(stage, _Worker(make, clips, folder).run, clips.wavs, InProcess(), total=total, emit=emit)
    else:
        processes = Processes(jobs=jobs, prepare=_prepare, arguments=(make, clips, folder))
        count(stage, _clip, clips.wavs, processes, total=total, emit=emit)


class _Worker:
    """What one process works on; the engine is loaded with the first clip that needs it."""

    def __init__(self, make: Maker, clips: ClipSet, folder: OutputFolder) -> None:
        self._make, self._clips, self._folder = make, clips, folder
        self._engine: Engine | None = None

    def run(self, wav: Path) -> Done:
        tensor = self._clips.tensor(wav)
        digest = input_sha256(tensor)
        if self._folder.holds(wav.name, digest):
            return Done(clips=1, computed=0)
        self._engine = engine = self._engine or self._make()
        outputs = self._clips.outputs(engine, tensor)
        self._folder.write(wav.name, outputs, input_sha256=digest)
        return Done(clips=1, computed=1)


_workers: list[_Worker] = []
"""In a worker process: the one that `_prepare` made."""


def _prepare(make: Maker, clips: ClipSet, folder: OutputFolder) -> None:
    _workers[:] = [_Worker(make, clips, folder)]


def _clip(wav: Path) -> Done:
    return _workers[0].run(wav)


def count(
    stage: str,
    function: Callable[..., Any],
    shards: Iterable[object],
    scheduler: Scheduler,
    *,
    total: int,
    emit: Emit,
) -> None:
    """Run the shards; `scheduler` gives a `Done` of each, of which the progress is told."""
    emit(Started(step=stage, total=total, unit="clips"))
    done = computed = 0
    pace = Pace(total)
    for shard in scheduler.map(function, shards):
        done, computed = done + shard.clips, computed + shard.computed
        emit(Advanced(step=stage, done=done, total=total, note=pace.told(done, time.monotonic())))
    kept = f", {done - computed} of them kept from before" if computed < done else ""
    emit(Finished(step=stage, note=f"{done} clips{kept}"))


def parts(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """So many at a time, in order; the last may be fewer."""
    left = iter(items)
    while part := tuple(itertools.islice(left, max(1, size))):
        yield part


def jobs_or_cores(jobs: int | None) -> int:
    """What was asked for, else one a core."""
    return jobs if jobs is not None else os.cpu_count() or 1
