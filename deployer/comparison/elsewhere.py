"""A stage on a cluster: workers compute, and the outputs are written here, each once."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from board_runner.contract import Array, Tensors
from board_runner.engine import Engine
from board_runner.errors import InputError
from deployer import artifacts
from deployer.comparison import stages
from deployer.comparison.clip_set import ClipSet
from deployer.comparison.output_store import OutputFolder, input_sha256
from deployer.comparison.sources import StageSource
from deployer.comparison.stages import Done, Maker, Simulation
from deployer.errors import MissingArtifact
from deployer.events import Emit, ignore
from deployer.scheduling.cluster import Cluster

TOGETHER = 4
"""Clips that an engine gets at once."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A clip, the hash of its file, and of the input that its kept outputs came from, "" for none."""

    wav: Path
    sha256: str
    kept: str


@dataclass(frozen=True, kw_only=True)
class Computed:
    """A clip's outputs, None where those that are kept are good; `text` is what a simulator wrote."""

    clip: str
    input_sha256: str
    outputs: dict[str, Array] | None
    text: bytes = b""


def run(source: StageSource, cluster: Cluster, clips: ClipSet, folder: OutputFolder, *, emit: Emit) -> None:
    """Run one stage over the clips that `folder` does not hold yet. Raises what the stage raises, ClusterFailed."""
    own = replace(clips, wavs=())  # travels with every shard
    if source.simulation is not None:
        function: Callable[[Sequence[Asked]], list[Computed]] = _Simulated(
            source.name, source.simulation, own
        )
        size = stages.SHARD
        if not len(folder):  # texts of other outputs than those to come
            shutil.rmtree(folder.folder / stages.TEXTS, ignore_errors=True)
    else:
        assert source.make is not None
        function, size = _ByEngine(source.make, own), TOGETHER
    shards = stages.parts((_asked(wav, folder) for wav in clips.wavs), size)
    total = len(clips.wavs)
    stages.count(source.name, function, shards, _Writing(cluster, folder), total=total, emit=emit)


def _asked(wav: Path, folder: OutputFolder) -> Asked:
    try:
        kept = folder.inputs(wav.name)
    except MissingArtifact:
        kept = ""
    return Asked(wav=wav, sha256=artifacts.sha256(wav), kept=kept)


@dataclass(frozen=True)
class _Writing:
    """The cluster as a `Scheduler` whose results are kept here."""

    cluster: Cluster
    folder: OutputFolder

    def map(self, function: Callable[[Any], Any], shards: Iterable[Any]) -> Iterator[Any]:
        for some in self.cluster.map(function, shards):
            for one in some:
                self._keep(one)
            yield Done(clips=len(some), computed=sum(one.outputs is not None for one in some))

    def _keep(self, one: Computed) -> None:
        if one.outputs is None:
            return
        if one.text:
            stages.text_file(self.folder.folder / stages.TEXTS, one.clip).write_bytes(one.text)
        self.folder.write(one.clip, one.outputs, input_sha256=one.input_sha256)


@dataclass
class _ByEngine:
    """On a worker; the engine is loaded with the first clip that needs it."""

    make: Maker
    clips: ClipSet
    engine: Engine | None = None

    def __call__(self, some: Sequence[Asked]) -> list[Computed]:
        return [self._one(asked) for asked in some]

    def _one(self, asked: Asked) -> Computed:
        tensor = tensor_of(self.clips, asked)
        digest = input_sha256(tensor)
        outputs: dict[str, Array] | None = None
        if digest != asked.kept:
            self.engine = engine = self.engine or self.make()
            outputs = dict(self.clips.outputs(engine, tensor))
        return Computed(clip=asked.wav.name, input_sha256=digest, outputs=outputs)


@dataclass(frozen=True)
class _Simulated:
    """On a worker; the simulator runs once over the clips that need it."""

    stage: str
    simulation: Simulation
    clips: ClipSet

    def __call__(self, some: Sequence[Asked]) -> list[Computed]:
        tensors = {asked.wav.name: tensor_of(self.clips, asked) for asked in some}
        digests = {name: input_sha256(tensor) for name, tensor in tensors.items()}
        missing = [(a.wav.name, tensors[a.wav.name]) for a in some if digests[a.wav.name] != a.kept]
        found: dict[str, tuple[dict[str, Array], bytes]] = {}

        def take(name: str, outputs: Tensors, text: Path) -> None:
            found[name] = (dict(outputs), text.read_bytes())

        if missing:
            stages.simulate_once(self.stage, self.simulation, missing, take, emit=ignore)
        none: tuple[None, bytes] = (None, b"")
        return [
            Computed(clip=name, input_sha256=digests[name], outputs=outputs, text=text)
            for name in tensors
            for outputs, text in [found.get(name, none)]
        ]


def tensor_of(clips: ClipSet, asked: Asked) -> Array:
    """The clip's input; it must be the file that the client has. Raises InputError."""
    if not asked.wav.is_file() or artifacts.sha256(asked.wav) != asked.sha256:
        raise InputError(
            f"{asked.wav}: on {socket.gethostname()} not the file that it is here",
            hint="share the clips' folder with the workers, or copy it again",
        )
    return clips.tensor(asked.wav)
