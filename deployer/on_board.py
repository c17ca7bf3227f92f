"""What lies on a board: push, and what it keeps. Each can be called without the command line.

Imported by the commands that people wait for: what only some of them need is imported where it is needed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from deployer import push as push_step
from deployer.board.base import Board
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.events import Emit, Finished, Skipped, ignore
from deployer.project import Project
from deployer.push import BoardFile, PushReport
from deployer.release import manifest
from deployer.running import clip_check

if TYPE_CHECKING:
    from deployer.release.keeping import Collected, RolledBack, Status


def push(
    project: Project,
    config: BoardConfig,
    *,
    files: list[BoardFile] | None = None,
    chip: str | None = None,
    dry_run: bool = False,
    replace: bool = False,
    emit: Emit = ignore,
) -> PushReport:
    """Put program, model and wavs on the board; `files` are `board_files`, made once for many boards.

    With files of another origin, `chip` is the chip that their model is for.
    """
    with _reached(config) as reached:
        files = _hashed(board_files(project, emit=emit) if files is None else files, config)
        board = reached.connect()
        return push_to(board, project, config, files, chip=chip, dry_run=dry_run, replace=replace, emit=emit)


@contextlib.contextmanager
def _reached(config: BoardConfig) -> Iterator[SshBoard]:
    """A board whose connection is being made beside what the block does first; `connect()` waits for it."""
    board = SshBoard(config).begin()
    try:
        yield board
    finally:
        board.close()


def _hashed(files: list[BoardFile], config: BoardConfig) -> list[BoardFile]:
    """The same files, whose checksums are known from now on. Raises as `manifest.of` does."""
    manifest.of(files, config.directory, config.places)
    return files


def status(config: BoardConfig) -> Status:
    """What the board holds."""
    from deployer.release import keeping

    with SshBoard(config) as board:
        return keeping.status(board)


def rollback(config: BoardConfig, *, dry_run: bool = False, emit: Emit = ignore) -> RolledBack:
    """Go back to the release before the current one."""
    from deployer.release import keeping

    with SshBoard(config) as board:
        return keeping.rollback(board, dry_run=dry_run, emit=emit)


def collect(config: BoardConfig, *, dry_run: bool = False, emit: Emit = ignore) -> Collected:
    """Remove what nothing on the board needs."""
    from deployer.release import keeping

    with SshBoard(config) as board:
        return keeping.collect(board, dry_run=dry_run, emit=emit)


def board_files(project: Project, *, emit: Emit = ignore) -> list[BoardFile]:
    """What belongs on the board, under the vendor's names. Raises MissingArtifact."""
    image = project.ready_image
    if image is None:
        from deployer import artifacts

        image = artifacts.load(project.artifacts_dir).image
    clip_check.check(project)
    return [
        BoardFile(
            source=built_program(project, emit=emit),
            name=PurePosixPath(str(project.vendor["program"])),
            executable=True,
        ),
        BoardFile(source=image, name=PurePosixPath("models") / str(project.vendor["image"])),
        *(BoardFile(source=clip, name=PurePosixPath(clip.name)) for clip in project.clips),
    ]


def built_program(project: Project, *, emit: Emit = ignore) -> Path:
    """The configured board program, the one of the SDK, or our own Python one, built now when it is not there."""
    if project.wants_sdk:
        from deployer import build as build_step
        from deployer.building import configured

        return build_step.build(configured.program_job(project), emit=emit).path
    path = project.program_path
    if project.deployment.settings.program is None:
        from deployer import program

        path.parent.mkdir(parents=True, exist_ok=True)
        if program.refresh(path):
            emit(Finished(step="build", note=f"{path.name} in Python; runs where python3 and numpy are"))
        else:
            emit(Skipped(step="build", note=f"{path.name} is current"))
    return path


def push_to(
    board: Board,
    project: Project,
    config: BoardConfig,
    files: list[BoardFile],
    *,
    chip: str | None = None,
    dry_run: bool = False,
    replace: bool = False,
    emit: Emit = ignore,
) -> PushReport:
    """Push over an open connection; a board proven to be of another chip is refused."""

    def chip_of() -> str:
        # Where nothing tells the chip of a ready-made image, it is what the configuration says it is.
        return chip or project.image_facts.chip.value or project.deployment.settings.chip

    return push_step.push(
        board, files, config.directory, chip=chip_of, dry_run=dry_run, replace=replace, emit=emit
    )
