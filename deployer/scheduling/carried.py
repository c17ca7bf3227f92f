"""A project as it travels to a worker beside boards: what was decided here, and its files by content.

Boards, keys and passwords are not among it: those are the worker's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from deployer.board.files import digests
from deployer.conversion.image_facts import ImageFacts
from deployer.errors import MissingArtifact
from deployer.events import Emit, ignore
from deployer.history import History
from deployer.history.entry import Kept
from deployer.project import Project
from deployer.push import BoardFile
from deployer.scheduling import contents
from deployer.settings.config import Deployment, Settings

_STAYS = ("boards", "board_groups", "board_defaults", "default_board", "inventory")


@dataclass(frozen=True, kw_only=True)
class SentFile:
    """A file of the release, by content."""

    name: PurePosixPath
    sha256: str
    executable: bool

    @property
    def here(self) -> BoardFile:
        """The same on this machine, which has the content."""
        return BoardFile(source=contents.path_of(self.sha256), name=self.name, executable=self.executable)


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What is needed of a project beside a board; it pickles, and is small."""

    settings: Settings
    files: tuple[SentFile, ...]
    image: str | None = None
    clips: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    clip_seconds: Mapping[str, float] = field(default_factory=dict)
    image_facts: ImageFacts | None = None

    @property
    def contents(self) -> tuple[str, ...]:
        """The hashes of all files."""
        return tuple(file.sha256 for file in self.files)

    @contextmanager
    def unpacked(self) -> Iterator[Travelled]:
        """The project on a worker; what it writes below its folder goes with it."""
        with TemporaryDirectory(prefix="deploy-board-") as folder:
            yield Travelled(Deployment(settings=self.settings, root=Path(folder)), self)


@dataclass(frozen=True, kw_only=True)
class Cargo:
    """What travels, and where this machine has each content."""

    carried: Carried
    sources: Mapping[str, Path]


def of_files(project: Project, files: Sequence[BoardFile]) -> Cargo:
    """Files alone: enough for a push whose chip is told beside."""
    sent = tuple(
        SentFile(name=file.name, sha256=digests.both(file.source)[0], executable=file.executable)
        for file in files
    )
    settings = project.deployment.settings.replace(**dict.fromkeys(_STAYS))
    return Cargo(
        carried=Carried(settings=settings, files=sent),
        sources={file.sha256: source.source for file, source in zip(sent, files, strict=True)},
    )


def of_image(project: Project, files: Sequence[BoardFile]) -> Cargo:
    """Files of which one is the model, and what is known of it."""
    cargo = of_files(project, files)
    name = PurePosixPath("models") / str(project.vendor["image"])
    image = next((file.sha256 for file in cargo.carried.files if file.name == name), None)
    carried = replace(cargo.carried, image=image, image_facts=project.image_facts)
    return replace(cargo, carried=carried)


def of_project(project: Project, files: Sequence[BoardFile]) -> Cargo:
    """With all that a run or a bench says of the project in its record."""
    cargo = of_image(project, files)
    carried = replace(
        cargo.carried,
        clips=tuple(clip.name for clip in project.clips),
        labels=tuple(project.labels),
        clip_seconds=project.clip_seconds,
    )
    return replace(cargo, carried=carried)


class Collected(History):
    """A history that only holds what is added, for the command to keep."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.records: list[Kept] = []

    def prepare(self) -> None:
        """Nothing to be made."""

    def add(self, record: Kept, *, tags: Sequence[str] = ()) -> bool:
        """Held until the task has ended."""
        self.records.append(record)
        return True


@dataclass(frozen=True)
class Travelled(Project):
    """The project on a worker: nothing is read from the places that its settings name."""

    carried: Carried
    kept: Collected = field(default_factory=Collected)

    @cached_property
    def labels(self) -> list[str]:
        """As they were read there."""
        return list(self.carried.labels)

    @cached_property
    def clips(self) -> list[Path]:
        """Their names; the files are among those of the release."""
        return [Path(name) for name in self.carried.clips]

    @cached_property
    def clip_seconds(self) -> dict[str, float]:
        """As they were measured there."""
        return dict(self.carried.clip_seconds)

    @property
    def ready_image(self) -> Path | None:
        """The model that goes on the board, converted or not."""
        return contents.path_of(self.carried.image) if self.carried.image is not None else None

    @property
    def image_facts(self) -> ImageFacts:
        """What was known of it there. Raises MissingArtifact where nothing was asked."""
        if self.carried.image_facts is None:
            raise MissingArtifact("nothing is known of the model that was sent")
        return self.carried.image_facts

    def history(self, emit: Emit = ignore) -> Collected:
        """What the command will keep."""
        return self.kept
