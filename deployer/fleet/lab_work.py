"""Push, run and bench on a board that another machine is beside: what its worker does, and what is kept here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from board_runner.errors import DeployError
from deployer import at_work, on_board
from deployer.at_work import Benched
from deployer.board.config import BoardConfig
from deployer.events import Emit, Warned
from deployer.history import interchange
from deployer.measuring.request import Request
from deployer.project import Project
from deployer.push import BoardFile, PushReport
from deployer.records import RunRecord
from deployer.run import Result
from deployer.scheduling import carried, contents
from deployer.scheduling.carried import Travelled
from deployer.scheduling.labs import Answer, Labs

LOST = "lost_workers"
"""In a record's environment: workers that went away in the middle, before the run that is kept was begun anew."""


@dataclass(frozen=True, kw_only=True)
class Push:
    """On the worker: as `on_board.push`."""

    chip: str
    dry_run: bool = False
    replace: bool = False

    def __call__(
        self, project: Travelled, config: BoardConfig, files: list[BoardFile], emit: Emit
    ) -> PushReport:
        """Raises as a push does."""
        return on_board.push(
            project,
            config,
            files=files,
            chip=self.chip,
            dry_run=self.dry_run,
            replace=self.replace,
            emit=emit,
        )


@dataclass(frozen=True, kw_only=True)
class Run:
    """On the worker: as `at_work.run`."""

    clip: str

    def __call__(self, project: Travelled, config: BoardConfig, files: list[BoardFile], emit: Emit) -> Result:
        """Raises as a run does; its record is among those that go back."""
        return at_work.run(project, config, self.clip, files=files, emit=emit)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """On the worker: as `at_work.bench`. `against` is the content of the other model, where there is one."""

    request: Request
    against: str | None = None

    def __call__(
        self, project: Travelled, config: BoardConfig, files: list[BoardFile], emit: Emit
    ) -> Benched:
        """Raises as a bench does. Its record is told of by its value alone."""
        other = contents.path_of(self.against) if self.against is not None else None
        done = at_work.bench(
            project, config, files=files, request=replace(self.request, against=other), emit=emit
        )
        project.kept.records.clear()
        return done


@dataclass(frozen=True, kw_only=True)
class InLabs:
    """The jobs of a fleet whose boards are beside the workers of `labs`; functions as `run_fleet` takes them.

    Records are kept one after the other: a thousand that come at once would wait longer than SQLite lets them.
    """

    labs: Labs
    project: Project
    files: list[BoardFile] = field(default_factory=list)
    keeping: threading.Lock = field(default_factory=threading.Lock)

    def push(
        self, *, chip: str | None, dry_run: bool, replace: bool
    ) -> Callable[[BoardConfig, Emit], PushReport]:
        """As `on_board.push`. Raises MissingArtifact."""
        cargo = carried.of_files(self.project, self.files)
        known = chip or self.project.image_facts.chip.value or self.project.deployment.settings.chip
        work = Push(chip=known, dry_run=dry_run, replace=replace)

        def job(config: BoardConfig, emit: Emit) -> PushReport:
            done: PushReport = self.labs.ask(config.name, work, cargo, emit=emit).require()
            return done

        return job

    def run(self, clip: str) -> Callable[[BoardConfig, Emit], Result]:
        """As `at_work.run`; the record is kept here, also of a run that failed."""
        cargo = carried.of_project(self.project, self.files)

        def job(config: BoardConfig, emit: Emit) -> Result:
            answer = self.labs.ask(config.name, Run(clip=clip), cargo, emit=emit)
            kept = self._keep_runs(answer, emit)
            done: Result = answer.require()
            return done if kept else replace(done, run_id=None)

        return job

    def bench(self, request: Callable[[BoardConfig], Request]) -> Callable[[BoardConfig, Emit], Benched]:
        """As `at_work.bench`; the record is kept here, once."""
        cargo = carried.of_project(self.project, self.files)

        def job(config: BoardConfig, emit: Emit) -> Benched:
            asked = request(config)
            extra = _against(asked)
            history = self.project.history(emit)
            with self.keeping:
                history.prepare()
            work = Bench(request=asked, against=next(iter(extra), None))
            answer = self.labs.ask(config.name, work, cargo, extra=extra, emit=emit)
            done: Benched = answer.require()
            record = _told(done.record, answer.lost)
            if asked.against is not None:
                record = replace(record, settings={**record.settings, "against": str(asked.against)})
            with self.keeping:
                interchange.keep(history, record)
            return replace(done, record=record)

        return job

    def _keep_runs(self, answer: Answer, emit: Emit) -> bool:
        """As `keep_run.keep`: what this machine does not keep is a warning, and the run is good."""
        try:
            for record in answer.records:
                assert isinstance(record, RunRecord)
                with self.keeping:
                    self.project.history(emit).add(_told(record, answer.lost))
        except (DeployError, OSError) as e:
            emit(Warned(step="run", message=f"not kept in the history: {e}"))
            return False
        return True


def _told(record: RunRecord, lost: tuple[str, ...]) -> RunRecord:
    """What was lost in the middle belongs to how it was measured."""
    return replace(record, environment={**record.environment, LOST: list(lost)}) if lost else record


def _against(request: Request) -> Mapping[str, Path]:
    from deployer.board.files import digests

    if request.against is None:
        return {}
    return {digests.both(request.against)[0]: request.against}
