"""What is known of one run: its record, the bytes that the board has or had, and this machine's own files."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from board_runner.errors import DeployError, UsageError
from board_runner.integer import container, image
from board_runner.integer.image import Image
from deployer import artifacts
from deployer.artifacts import Artifacts
from deployer.board.base import BoardFacts
from deployer.board.files import digests
from deployer.errors import MissingArtifact
from deployer.project import Project
from deployer.records import RunRecord, Sample


@dataclass(frozen=True, kw_only=True)
class Held:
    """One file of the run. `path` has on this machine the very bytes that the board has or, unasked, had.

    `there`: whether the board has it, None where it was not asked. `recorded` is the hash in the record,
    `released` that in the manifest of the release on the board, `sha256` that of `path`. `assumed`: nothing but
    its name says that these are the bytes.
    """

    name: str
    recorded: str | None = None
    released: str | None = None
    sha256: str | None = None
    path: Path | None = None
    there: bool | None = None
    assumed: bool = False

    @property
    def changed(self) -> bool:
        """Whether the board is known to have other bytes than the record states."""
        return self.recorded is not None and self.sha256 is not None and self.sha256 != self.recorded


@dataclass(frozen=True, kw_only=True)
class Names:
    """What the run's files are called on the board; clips in the order in which they first ran."""

    program: str
    model: str
    clips: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Program, model, clips."""
        return (self.program, self.model, *self.clips)


@dataclass(frozen=True, kw_only=True)
class OnHost:
    """This machine's files: what the project would push under each name now, and every known file by content."""

    now: Mapping[str, Path]
    by_sha256: Mapping[str, Path]


@dataclass(frozen=True, kw_only=True)
class BoardSide:
    """What the board said. `release` is the one looked into; `current`: it is the current one."""

    facts: BoardFacts
    directory: PurePosixPath
    release: str | None
    current: bool


@dataclass(frozen=True)
class Case:
    """One run to be explained."""

    record: RunRecord
    project: Project
    names: Names
    host: OnHost
    held: Mapping[str, Held]
    board: BoardSide | None = None

    @property
    def model(self) -> Held:
        """The image that the board has or had."""
        return self.held[self.names.model]

    @cached_property
    def image(self) -> Image | None:
        """The same, read; None where it is not at hand, not of our making or damaged."""
        path = self.model.path
        if path is None or not container.is_image(path):
            return None
        try:
            return image.read(path)
        except DeployError:
            return None

    @property
    def assumed(self) -> bool:
        """Whether nothing but their names says of some files that they are the board's."""
        return any(held.assumed and held.path is not None for held in self.held.values())

    @property
    def why_no_image(self) -> str:
        """Why `image` is None, in words."""
        path = self.model.path
        if path is None:
            return f"the bytes of {self.names.model} are not at hand"
        if not container.is_image(path):
            return f"{self.names.model} is no image of ours: only the vendor's tools can run it here"
        return f"{self.names.model} is damaged"

    @cached_property
    def runs(self) -> tuple[Sample, ...]:
        """Every run that told a class, warm-up too, in order; of two variants that were compared the first."""
        told = (sample for sample in self.record.samples if sample.class_id is not None)
        return tuple(sample for sample in told if sample.variant in ("", "a"))

    @cached_property
    def answers(self) -> dict[str, tuple[int, ...]]:
        """Clip -> the class ids that the board gave, each once, in the order of the runs."""
        found: dict[str, tuple[int, ...]] = {}
        for sample in self.runs:
            before, told = found.get(sample.clip, ()), sample.class_id
            if told is not None and told not in before:
                found[sample.clip] = (*before, told)
        return found


def names_of(record: RunRecord, project: Project) -> Names:
    """Names from the record; program and model, where it has none, as the project's vendor calls them.

    Raises UsageError for a run of another model than the project's.
    """
    if record.model != project.model_name:
        raise UsageError(
            f"the run {record.id} is of the model {record.model}, deploy.yaml is of {project.model_name}",
            hint="give the deploy.yaml of that run with --config",
        )
    ran = [sample.clip for sample in record.samples] + [failure.clip for failure in record.failures]
    wavs = [name for name in record.sha256 if name.endswith(".wav")]
    return Names(
        program=str(project.vendor["program"]),
        model=f"models/{project.vendor['image']}",
        clips=tuple(dict.fromkeys([*ran, *wavs])),
    )


def on_host(project: Project) -> OnHost:
    """This machine's files; what is missing is left out."""
    now: dict[str, Path] = {}
    with contextlib.suppress(MissingArtifact):
        path = project.program_path
        if path.is_file():
            now[str(project.vendor["program"])] = path
    with contextlib.suppress(MissingArtifact):
        now[f"models/{project.vendor['image']}"] = (
            project.ready_image or artifacts.load(project.artifacts_dir).image
        )
    with contextlib.suppress(MissingArtifact):
        now |= {clip.name: clip for clip in project.clips}
    images = sorted(_store(project).glob(f"*/{artifacts.IMAGE}"))
    return OnHost(now=now, by_sha256={digests.both(path)[0]: path for path in [*images, *now.values()]})


def from_record(record: RunRecord, names: Names, host: OnHost) -> dict[str, Held]:
    """Every file as this machine has it, found by the record's hash; by its name alone where there is none."""
    found = {}
    for name in names.all:
        recorded = record.sha256.get(name)
        path = host.now.get(name) if recorded is None else host.by_sha256.get(recorded)
        found[name] = Held(
            name=name,
            recorded=recorded,
            path=path,
            sha256=digests.both(path)[0] if path is not None else None,
            assumed=recorded is None,
        )
    return found


def conversion(case: Case) -> Artifacts | None:
    """The conversion in the store that made the board's image."""
    wanted = case.model.sha256
    for manifest in sorted(_store(case.project).glob(f"*/{artifacts.MANIFEST}")):
        try:
            made = artifacts.load(manifest.parent)
        except DeployError:
            continue
        if wanted is not None and made.manifest.outputs.get(artifacts.IMAGE) == wanted:
            return made
    return None


def _store(project: Project) -> Path:
    """Where conversions are kept, also where this project's ONNX is gone."""
    return project.deployment.state_dir / "artifacts"
