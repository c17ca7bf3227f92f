"""What runs on a board: one clip, or every clip many times. Each can be called without the command line."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from board_runner.errors import UsageError
from deployer import __version__, artifacts, hooks, keep_run, on_board, records
from deployer import bench as bench_step
from deployer import run as run_step
from deployer.board.base import Board
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.errors import HookFailed, ProgramFailed
from deployer.events import Emit, ignore
from deployer.history import interchange
from deployer.hooks import Hooked
from deployer.project import Project
from deployer.push import BoardFile
from deployer.records import RunRecord
from deployer.release import lock


def run(
    project: Project,
    config: BoardConfig,
    clip: str,
    *,
    files: list[BoardFile] | None = None,
    emit: Emit = ignore,
) -> run_step.Result:
    """Run one clip, pushed first if it is missing; kept, also where it failed. Raises ProgramFailed."""
    name = _clip_name(project, clip)
    files = on_board.board_files(project, emit=emit) if files is None else files
    begun = records.new_id("run")
    with SshBoard(config) as board:
        on_board.push_to(board, project, config, files, emit=emit)
        try:
            with working(board, "deploy run", emit=emit) as hooked:
                result = run_step.run_clip(board, project.program_on(config), name)
        except ProgramFailed as e:
            failure = bench_step.failure_of(e, clip=name, run=1)
            keep_run.keep(project, config, files, begun, (failure,), emit=emit)
            raise
    sample = bench_step.sample_of(result, clip=name, run=1)
    run_id = keep_run.keep(project, config, files, begun, (sample,), emit=emit)
    return dataclasses.replace(result, hook_failure=hooked.failure, run_id=run_id)


@dataclass(frozen=True, kw_only=True)
class Benched:
    """A saved bench. `raise_failure` turns what went wrong into the right exit code."""

    record: RunRecord
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
                hint=f"what was measured is kept: `deploy report {self.record.id}`",
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
    """Push what is missing, run every clip `runs` times, keep the record in the history."""
    history = project.history(emit)
    history.prepare()  # what would keep the record from being kept is told before the bench, not after it
    files = on_board.board_files(project, emit=emit) if files is None else files
    runs = runs or project.deployment.settings.bench.runs
    placed = project.program_on(config)
    run_id, created = records.new_id("bench")
    with SshBoard(config) as board:
        on_board.push_to(board, project, config, files, emit=emit)
        facts = board.facts(placed.directory)
        with working(board, "deploy bench", emit=emit) as hooked:
            clips = [clip.name for clip in project.clips]
            measured = bench_step.bench(board, placed, clips, runs=runs, emit=emit)
    record = RunRecord(
        id=run_id,
        kind="bench",
        created=created,
        model=project.model_name,
        board=keep_run.board_info(config, facts),
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
    interchange.keep(history, record)
    return Benched(
        record=record,
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


def _clip_name(project: Project, clip: str) -> str:
    names = [path.name for path in project.clips]
    name = Path(clip).name
    if name not in names:
        raise UsageError(f"no clip {clip!r} in {project.clips_dir}", hint=f"there are: {', '.join(names)}")
    return name
