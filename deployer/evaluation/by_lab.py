"""The board as a stage where another machine is beside it: its worker gets some clips a task, answers come back.

A clip travels by content, as the release does, and is on its machine for the next board or the next evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from board_runner.errors import DeployError
from deployer import artifacts
from deployer.board.config import BoardConfig
from deployer.comparison import stages
from deployer.comparison.sources import StageSource
from deployer.evaluation import by_board
from deployer.evaluation.answering import Answered
from deployer.evaluation.answers import Answer, NoAnswer
from deployer.evaluation.listing import Listed
from deployer.evaluation.reading import Reading
from deployer.events import Advanced, Emit, Event, ignore
from deployer.project import Project
from deployer.push import BoardFile
from deployer.records import BoardInfo
from deployer.scheduling import carried, contents
from deployer.scheduling.carried import Cargo, Travelled
from deployer.scheduling.labs import Labs

TOGETHER = 64
"""Clips a task: with about a second each it lasts a minute, and that is what a lost worker costs."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What a board said of itself, with program and model on it."""

    source: StageSource
    info: BoardInfo
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Open:
    """On the worker: put program and model on the board, and see what it can show."""

    reading: Reading

    def __call__(self, project: Travelled, config: BoardConfig, files: list[BoardFile], emit: Emit) -> Opened:
        """Raises what a push raises."""
        with by_board.opened(
            project, config, self.reading, files=files, keep_going=False, emit=emit
        ) as there:
            return Opened(source=there.source, info=there.info, notes=there.notes)


@dataclass(frozen=True, kw_only=True)
class Some:
    """The answers of the first clips of a task; of all, or `error` says why not, or it was interrupted."""

    answers: tuple[Answer | NoAnswer, ...]
    error: DeployError | None = None
    interrupted: bool = False


@dataclass(frozen=True, kw_only=True)
class Ask:
    """On the worker: these clips, each with the content of its file."""

    reading: Reading
    clips: tuple[tuple[Listed, str], ...]
    keep_going: bool

    def __call__(self, project: Travelled, config: BoardConfig, files: list[BoardFile], emit: Emit) -> Some:
        """What was answered before an error or an interrupt goes back too."""
        answers: list[Answer | NoAnswer] = []
        try:
            with by_board.opened(
                project, config, self.reading, files=files, keep_going=self.keep_going, emit=emit
            ) as there:
                for some in there(self._here(project), len(self.clips), emit):
                    answers += [answer for _, answer in some]
                    emit(Advanced(step=by_board.STAGE, done=len(answers), total=len(self.clips)))
        except DeployError as e:
            return Some(answers=tuple(answers), error=e)
        except KeyboardInterrupt:
            return Some(answers=tuple(answers), interrupted=True)
        return Some(answers=tuple(answers))

    def _here(self, project: Travelled) -> Iterator[Listed]:
        """Under their own names, which messages tell."""
        for number, (listed, sha256) in enumerate(self.clips):
            path = project.deployment.root / str(number) / listed.clip.path.name
            path.parent.mkdir()
            path.symlink_to(contents.path_of(sha256))
            yield replace(listed, clip=replace(listed.clip, path=path))


@dataclass(frozen=True, kw_only=True)
class InLab:
    """A board beside a worker as a stage; a function as `answering.Runs` describes."""

    labs: Labs
    board: str
    cargo: Cargo
    opened: Opened
    reading: Reading
    keep_going: bool

    @property
    def source(self) -> StageSource:
        """As the worker found it."""
        return self.opened.source

    @property
    def info(self) -> BoardInfo:
        """Of the board."""
        return self.opened.info

    @property
    def notes(self) -> tuple[str, ...]:
        """What it cannot show."""
        return self.opened.notes

    def __call__(self, clips: Iterable[Listed], count: int, emit: Emit) -> Iterator[Sequence[Answered]]:
        """Raises as `by_board.OnBoard` does, and ClusterFailed."""
        done = 0
        for some in stages.parts(clips, TOGETHER):
            sent = tuple((listed, _sha256(listed)) for listed in some)
            extra = {sha256: listed.clip.path for listed, sha256 in sent}
            work = Ask(reading=self.reading, clips=sent, keep_going=self.keep_going)

            def tell(event: Event, before: int = done) -> None:
                if isinstance(event, Advanced) and event.step == by_board.STAGE:
                    emit(Advanced(step=event.step, done=before + event.done, total=count, note="clips"))
                elif not isinstance(event, Advanced):
                    emit(event)

            got: Some = self.labs.ask(self.board, work, self.cargo, extra=extra, emit=tell).require()
            done += len(got.answers)
            yield list(zip(some, got.answers, strict=False))
            if got.error is not None:
                raise got.error
            if got.interrupted:
                raise KeyboardInterrupt


@dataclass(frozen=True, kw_only=True)
class Opener:
    """As `by_board.opened`, for boards beside the workers of `labs`; `files` are `reached.files_of`."""

    labs: Labs
    files: tuple[BoardFile, ...]

    @contextmanager
    def __call__(
        self, project: Project, config: BoardConfig, reading: Reading, *, keep_going: bool, emit: Emit
    ) -> Iterator[InLab]:
        """Raises what a push raises, and ClusterFailed."""
        cargo = carried.of_image(project, self.files)
        opened: Opened = self.labs.ask(config.name, Open(reading=reading), cargo, emit=ignore).require()
        yield InLab(
            labs=self.labs,
            board=config.name,
            cargo=cargo,
            opened=opened,
            reading=reading,
            keep_going=keep_going,
        )


def _sha256(listed: Listed) -> str:
    """Of the file; a window of it has a key of its own."""
    return listed.key if listed.clip.start_frame is None else artifacts.sha256(listed.clip.path)
