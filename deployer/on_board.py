"""What is done with a board: push, run, bench, and what it keeps. Each can be called without the command line.

Imported by the commands that people wait for: what only some of them need is imported where it is needed.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from board_runner.errors import UsageError
from deployer import __version__, artifacts, clip_check, hooks, records
from deployer import push as push_step
from deployer import run as run_step
from deployer.board.base import Board, BoardFacts
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.errors import HookFailed, ProgramFailed
from deployer.events import Emit, Finished, Skipped, ignore
from deployer.hooks import Hooked
from deployer.project import Project
from deployer.push import BoardFile, PushReport
from deployer.records import BoardInfo, RunRecord
from deployer.release import keeping, lock, manifest
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
    with SshBoard(config) as board:
        return keeping.status(board)


def rollback(config: BoardConfig, *, dry_run: bool = False, emit: Emit = ignore) -> RolledBack:
    """Go back to the release before the current one."""
    with SshBoard(config) as board:
        return keeping.rollback(board, dry_run=dry_run, emit=emit)


def collect(config: BoardConfig, *, dry_run: bool = False, emit: Emit = ignore) -> Collected:
    """Remove what nothing on the board needs."""
    with SshBoard(config) as board:
        return keeping.collect(board, dry_run=dry_run, emit=emit)


def run(
    project: Project,
    config: BoardConfig,
    clip: str,
    *,
    files: list[BoardFile] | None = None,
    emit: Emit = ignore,
) -> run_step.Result:
    """Run one clip, pushed first if it is missing. Raises ProgramFailed."""
    name = _clip_name(project, clip)
    files = board_files(project, emit=emit) if files is None else files
    with SshBoard(config) as board:
        push_to(board, project, config, files, emit=emit)
        with working(board, "deploy run", emit=emit) as hooked:
            result = run_step.run_clip(board, project.program_on(config), name)
    return dataclasses.replace(result, hook_failure=hooked.failure)


@dataclass(frozen=True, kw_only=True)
class Benched:
    """A saved bench. `raise_failure` turns what went wrong into the right exit code."""

    record: RunRecord
    path: Path
    cut_short: BaseException | None
    hook_failure: HookFailed | None = None

    def raise_failure(self) -> None:
        """Raise what ended the bench early, ProgramFailed when a run gave no result, HookFailed."""
        if self.cut_short is not None:
            raise self.cut_short
        if self.record.failures:
            first = self.record.failures[0]
            raise ProgramFailed(
                f"{len(self.record.failures)} runs gave no result; the first, {first.clip}: {first.reason}",
                hint=f"what was measured is kept in {self.path}",
            )
        if self.hook_failure is not None:
            raise self.hook_failure


def bench(
    project: Project,
    config: BoardConfig,
    *,
    runs: int | None = None,
    files: list[BoardFile] | None = None,
    emit: Emit = ignore,
) -> Benched:
    """Push what is missing, run every clip `runs` times, save the record."""
    from deployer import bench as bench_step

    files = board_files(project, emit=emit) if files is None else files
    runs = runs or project.deployment.settings.bench.runs
    placed = project.program_on(config)
    run_id, created = records.new_id("bench")
    with SshBoard(config) as board:
        push_to(board, project, config, files, emit=emit)
        facts = board.facts(placed.directory)
        with working(board, "deploy bench", emit=emit) as hooked:
            clips = [clip.name for clip in project.clips]
            measured = bench_step.bench(board, placed, clips, runs=runs, emit=emit)
    record = RunRecord(
        id=run_id,
        kind="bench",
        created=created,
        model=project.model_name,
        board=board_info(config, facts),
        labels=tuple(project.labels),
        targets=project.targets,
        sha256={str(file.name): artifacts.sha256(file.source) for file in files},
        settings={
            "runs": runs,
            "timeout_s": placed.timeout_s,
            "argv": " ".join(placed.argv("CLIP")),
            "directory": str(placed.directory),
            "chip": project.deployment.settings.chip,
            "image_chip": str(project.image_facts.chip),
            "image_input": str(project.image_facts.input),
        },
        samples=(),
        clip_seconds=project.clip_seconds,
        tool_version=__version__,
    )
    record = measured.into(record)
    return Benched(
        record=record,
        path=record.save(project.runs_dir),
        cut_short=measured.cut_short,
        hook_failure=hooked.failure,
    )


@contextlib.contextmanager
def working(board: Board, purpose: str, *, emit: Emit) -> Iterator[Hooked]:
    """The board is ours alone, its `before:` commands done, its `after:` ones due: for programs that are timed."""
    with (
        lock.held(board, board.config.directory, purpose, emit=emit),
        hooks.around(board, board.config, emit=emit) as hooked,
    ):
        yield hooked


def board_info(config: BoardConfig, facts: BoardFacts) -> BoardInfo:
    """What a record keeps of a board."""
    return BoardInfo(
        name=config.name,
        address=config.address,
        machine=facts.machine,
        chip=facts.chip or config.chip,
        kernel=facts.kernel,
        temperature_c=facts.temperature_c,
    )


def board_files(project: Project, *, emit: Emit = ignore) -> list[BoardFile]:
    """What belongs on the board, under the vendor's names. Raises MissingArtifact."""
    image = project.ready_image or artifacts.load(project.artifacts_dir).image
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
        before = artifacts.sha256(path) if path.is_file() else None
        program.build_python_program(path)
        if artifacts.sha256(path) == before:
            emit(Skipped(step="build", note=f"{path.name} is current"))
        else:
            emit(Finished(step="build", note=f"{path.name} in Python; runs where python3 and numpy are"))
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
    # Where nothing tells the chip of a ready-made image, it is what the configuration says it is.
    chip = chip or project.image_facts.chip.value or project.deployment.settings.chip
    return push_step.push(
        board, files, config.directory, chip=chip, dry_run=dry_run, replace=replace, emit=emit
    )


def _clip_name(project: Project, clip: str) -> str:
    names = [path.name for path in project.clips]
    name = Path(clip).name
    if name not in names:
        raise UsageError(f"no clip {clip!r} in {project.clips_dir}", hint=f"there are: {', '.join(names)}")
    return name
