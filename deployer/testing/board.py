"""A board as a test sees it. What `deploy` would say as a hint is a note of the exception, which pytest shows."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from board_runner.errors import DeployError
from deployer import at_work, on_board
from deployer.board.config import BoardConfig
from deployer.events import Event, Finished, Logged, Skipped, Warned
from deployer.labels import shown
from deployer.logs.said import Said
from deployer.project import Project
from deployer.push import BoardFile, PushReport
from deployer.settings import config
from deployer.testing.benched import BenchResult

_LOG = logging.getLogger("deploy")


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One clip, run once. `label` is the class id with its name; `run_id` is its name in the history.

    A model without classes has no class id, and `said` in its place.
    """

    clip: str
    class_id: int | None
    label: str
    invoke_ms: float
    post_process_ms: float
    wall_ms: float
    run_id: str | None
    said: Said | None = None


def open_board(name: str, *, config_path: Path | None = None, start: Path | None = None) -> BoardUnderTest:
    """The board with this name or address, and the project of deploy.yaml; connects to nothing yet.

    Raises ConfigError.
    """
    with _with_hint():
        deployment = config.load(config_path, start=start)
        return BoardUnderTest(Project(deployment), deployment.board(name))


class BoardUnderTest:
    """Everything raises as the commands do: BoardUnreachable, ProgramFailed, MissingArtifact, BoardBusy, ...

    What was measured is kept in the project's history. Progress goes to the logger `deploy`.
    """

    def __init__(self, project: Project, config: BoardConfig) -> None:
        self.project = project
        self.config = config

    def __repr__(self) -> str:
        return f"<board {self.config.name} at {self.config.address}>"

    @property
    def name(self) -> str:
        """As deploy.yaml calls it, or its address."""
        return self.config.name

    @property
    def clips(self) -> list[str]:
        """Names of the clips that can be run, those of the project."""
        return [path.name for path in self.project.clips]

    def push(self) -> PushReport:
        """Put program, model and clips on the board. `run` and `bench` do so too where something is missing."""
        with _with_hint():
            return on_board.push(self.project, self.config, files=self._files, emit=_log)

    def run(self, clip: str) -> RunResult:
        """Run one clip of the project once."""
        with _with_hint():
            result = at_work.run(self.project, self.config, clip, files=self._files, emit=_log)
            result.raise_failure()
        return RunResult(
            clip=Path(clip).name,
            class_id=result.class_id,
            said=result.said,
            label=shown(result.class_id, self.project.labels),
            invoke_ms=result.invoke_ms,
            post_process_ms=result.post_process_ms,
            wall_ms=result.wall_ms,
            run_id=result.run_id,
        )

    def bench(self, *, runs: int | None = None) -> BenchResult:
        """Run every clip of the project, `runs` times each. Raises ProgramFailed when a run gives no result."""
        with _with_hint():
            done = at_work.bench(self.project, self.config, runs=runs, files=self._files, emit=_log)
            done.raise_failure()
        return BenchResult(record=done.record)

    @cached_property
    def _files(self) -> list[BoardFile]:
        return on_board.board_files(self.project, emit=_log)


@contextlib.contextmanager
def _with_hint() -> Iterator[None]:
    try:
        yield
    except DeployError as e:
        if e.hint:
            e.add_note(f"hint: {e.hint}")
        raise


def _log(event: Event) -> None:
    match event:
        case Warned():
            _LOG.warning("%s: %s", event.step, event.message)
        case Finished() | Skipped():
            _LOG.info("%s: %s", event.step, event.note)
        case Logged():
            _LOG.debug("%s: %s", event.step, event.line)
