"""A board with what its stage needs on it: program, model, and the program that shows tensors if there is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployer import artifacts, on_board, program
from deployer import build as build_step
from deployer.board.base import Board
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.building import configured
from deployer.comparison import board_stage
from deployer.comparison.board_stage import Simulator
from deployer.events import Emit
from deployer.project import Project
from deployer.push import BoardFile
from deployer.run import Program


@dataclass(frozen=True, kw_only=True)
class Reached:
    """An open board. `simulator` shows tensors; where it is None, `why_not` says why, and `placed` shows classes.

    `files` are what was pushed: to push more, they go along.
    """

    board: Board
    placed: Program
    simulator: Simulator | None
    why_not: str
    files: tuple[BoardFile, ...]


@dataclass(frozen=True, kw_only=True)
class Needed:
    """What goes on a board before its stage can run; made without a board."""

    files: tuple[BoardFile, ...]
    placed: Program
    simulator: Simulator | None


def needed(project: Project, config: BoardConfig, *, emit: Emit) -> Needed:
    """The files but the clips, built where they are not there. Raises MissingArtifact."""
    return placed(project, config, files_of(project, emit=emit))


def files_of(project: Project, *, emit: Emit) -> tuple[BoardFile, ...]:
    """The same for any board."""
    files = [file for file in on_board.board_files(project, emit=emit) if file.source not in project.clips]
    if project.deployment.settings.board_simulator.path is None and _has_own_simulator(project):
        source = _own_simulator(project, emit=emit)
        files.append(BoardFile(source=source, name=board_stage.OWN, executable=True))
    return tuple(files)


def placed(project: Project, config: BoardConfig, files: Sequence[BoardFile]) -> Needed:
    """What `files_of` gave, on a board."""
    program = project.program_on(config)
    own = any(file.name == board_stage.OWN for file in files)
    simulator = board_stage.choose(project.deployment.settings.board_simulator, program, own_runtime=own)
    return Needed(files=tuple(files), placed=program, simulator=simulator)


@contextmanager
def reach(project: Project, config: BoardConfig, what: Needed, *, emit: Emit) -> Iterator[Reached]:
    """Connect, push what is missing, and see whether the board can show tensors."""
    with SshBoard(config) as board:
        on_board.push_to(board, project, config, list(what.files), emit=emit)
        why_not = board_stage.missing(board, what.simulator)
        yield Reached(
            board=board,
            placed=what.placed,
            simulator=what.simulator if why_not is None else None,
            why_not=why_not or "",
            files=what.files,
        )


def image_of(project: Project) -> Path:
    """The model that goes on the board. Raises MissingArtifact."""
    return project.ready_image or artifacts.load(project.artifacts_dir).image


def _has_own_simulator(project: Project) -> bool:
    if configured.is_wanted(project):
        return configured.simulator_job(project) is not None
    return project.deployment.settings.program is None


def _own_simulator(project: Project, *, emit: Emit) -> Path:
    job = configured.simulator_job(project) if configured.is_wanted(project) else None
    if job is not None:
        return build_step.build(job, emit=emit).path
    path = project.deployment.state_dir / "program" / board_stage.OWN.name
    path.parent.mkdir(parents=True, exist_ok=True)
    return program.build_python_program(path, program.SIMULATOR)
