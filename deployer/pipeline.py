"""The chain itself, a function a command; every one can be called without the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from board_runner.errors import UsageError
from deployer import (
    __version__,
    artifacts,
    program,
    records,
)
from deployer import (
    bench as bench_step,
)
from deployer import (
    push as push_step,
)
from deployer import (
    run as run_step,
)
from deployer.artifacts import Artifacts
from deployer.board.base import Board, BoardFacts
from deployer.board.inventory import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.errors import ProgramFailed
from deployer.events import Emit, Finished, ignore
from deployer.project import Project
from deployer.push import BoardFile, PushReport
from deployer.records import BoardInfo, RunRecord


def push(project: Project, config: BoardConfig, *, dry_run: bool = False, emit: Emit = ignore) -> PushReport:
    """Put program, model and wavs on the board."""
    files = board_files(project, emit=emit)
    with SshBoard(config) as board:
        return push_to(board, project, config, files, dry_run=dry_run, emit=emit)


def run(project: Project, config: BoardConfig, clip: str, *, emit: Emit = ignore) -> run_step.Result:
    """Run one clip, pushed first if it is missing. Raises ProgramFailed."""
    name = _clip_name(project, clip)
    files = board_files(project, emit=emit)
    with SshBoard(config) as board:
        push_to(board, project, config, files, emit=emit)
        return run_step.run_clip(board, project.program_on(config), name)


@dataclass(frozen=True, kw_only=True)
class Benched:
    """A saved bench. `raise_failure` turns what went wrong into the right exit code."""

    record: RunRecord
    path: Path
    cut_short: BaseException | None

    def raise_failure(self) -> None:
        """Raise what ended the bench early, or ProgramFailed when a run gave no result."""
        if self.cut_short is not None:
            raise self.cut_short
        if self.record.failures:
            first = self.record.failures[0]
            raise ProgramFailed(
                f"{len(self.record.failures)} runs gave no result; the first, {first.clip}: {first.reason}",
                hint=f"what was measured is kept in {self.path}",
            )


def bench(project: Project, config: BoardConfig, *, runs: int | None = None, emit: Emit = ignore) -> Benched:
    """Push what is missing, run every clip `runs` times, save the record."""
    files = board_files(project, emit=emit)
    runs = runs or project.deployment.settings.bench.runs
    placed = project.program_on(config)
    run_id, created = records.new_id("bench")
    with SshBoard(config) as board:
        push_to(board, project, config, files, emit=emit)
        facts = board.facts(placed.directory)
        measured = bench_step.bench(
            board, placed, [clip.name for clip in project.clips], runs=runs, emit=emit
        )
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
        },
        samples=(),
        clip_seconds=project.clip_seconds,
        tool_version=__version__,
    )
    record = measured.into(record)
    return Benched(record=record, path=record.save(project.runs_dir), cut_short=measured.cut_short)


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
    model = converted(project)
    project.check_clips()
    return [
        BoardFile(
            source=built_program(project, emit=emit),
            name=PurePosixPath(str(project.vendor["program"])),
            executable=True,
        ),
        BoardFile(source=model.image, name=PurePosixPath("models") / str(project.vendor["image"])),
        *(BoardFile(source=clip, name=PurePosixPath(clip.name)) for clip in project.clips),
    ]


def built_program(project: Project, *, emit: Emit = ignore) -> Path:
    """The configured board program, or our own Python one, built now when it is not there."""
    path = project.program_path
    if project.deployment.settings.program is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        program.build_python_program(path)
        emit(Finished(step="build", note=f"{path.name} in Python; runs where python3 and numpy are"))
    return path


def push_to(
    board: Board,
    project: Project,
    config: BoardConfig,
    files: list[BoardFile],
    *,
    dry_run: bool = False,
    emit: Emit = ignore,
) -> PushReport:
    """Refuse a board of another chip, then push over an open connection."""
    directory = PurePosixPath(config.directory)
    facts = board.facts(directory)
    push_step.check_chip(converted(project).chip, facts)
    return push_step.push(board, files, directory, dry_run=dry_run, emit=emit)


def converted(project: Project) -> Artifacts:
    """The converted model of this project. Raises MissingArtifact."""
    raise NotImplementedError


def _clip_name(project: Project, clip: str) -> str:
    names = [path.name for path in project.clips]
    name = Path(clip).name
    if name not in names:
        raise UsageError(f"no clip {clip!r} in {project.clips_dir}", hint=f"there are: {', '.join(names)}")
    return name
