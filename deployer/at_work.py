"""What runs on a board: one clip, or every clip many times. Each can be called without the command line."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from board_runner.errors import UsageError
from deployer import __version__, artifacts, on_board, records
from deployer import bench as bench_step
from deployer import run as run_step
from deployer.board.base import Board, BoardFacts
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.errors import BoardUnreachable, HookFailed, ProgramFailed
from deployer.events import Emit, ignore
from deployer.history import interchange
from deployer.measuring import environment, findings, in_process, results
from deployer.measuring.conduct import GOVERNOR
from deployer.measuring.in_process import Repeats
from deployer.measuring.plan import Plan
from deployer.measuring.request import Request
from deployer.project import Project
from deployer.push import BoardFile
from deployer.records import Answer, RunRecord
from deployer.release import lock
from deployer.running import hooks, keep_run
from deployer.running.hooks import Hooked

AGAINST = "models/against.img"
"""Where the other model of a bench in turns lies on the board."""


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
            failure = results.failure_of(e, clip=name, run=1)
            keep_run.keep(project, config, files, begun, (failure,), emit=emit)
            raise
    sample = results.sample_of(result, clip=name, run=1)
    answer = records.answer_of(result.said, clip=name)
    if answer is not None:
        (answer,) = _beside_offline(project, (answer,), emit=emit)
    run_id = keep_run.keep(project, config, files, begun, (sample,), answer=answer, emit=emit)
    return dataclasses.replace(result, hook_failure=hooked.failure, run_id=run_id, answer=answer)


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
    request: Request | None = None,
    emit: Emit = ignore,
) -> Benched:
    """Push what is missing, run every clip `runs` times or as `request` says, keep the record in the history.

    A board that is lost meanwhile is waited for, set up again and gone on with.
    """
    request = request or Request(runs=runs)
    history = project.history(emit)
    history.prepare()  # what would keep the record from being kept is told before the bench, not after it
    files = on_board.board_files(project, emit=emit) if files is None else files
    if request.against is not None:
        files = [*files, BoardFile(source=request.against, name=PurePosixPath(AGAINST))]
    settings = project.deployment.settings.bench
    placed = project.program_on(config)
    plan = Plan(
        program=placed,
        clips=tuple(clip.name for clip in project.clips),
        runs=request.most_runs(settings.runs),
        warm_up=settings.warm_up if request.warm_up is None else request.warm_up,
        against=_other(placed, request),
    )
    under_way = bench_step.Bench(
        plan,
        emit=emit,
        minutes=request.minutes,
        stable=request.is_stable if request.until_stable is not None else None,
        governor=GOVERNOR if request.pin else None,
    )
    run_id, created = records.new_id("bench")
    seen = _Seen(repeats=Repeats(invokes=request.in_process or 1))
    cut_short = _to_its_end(under_way, project, config, files, seen, emit=emit)
    measured = under_way.measured(cut_short)
    record = RunRecord(
        id=run_id,
        kind="bench",
        created=created,
        model=project.model_name,
        board=keep_run.board_info(config, seen.facts),
        labels=tuple(project.labels),
        targets=project.targets,
        sha256={str(file.name): artifacts.sha256(file.source) for file in files},
        settings={
            "runs": plan.runs,
            "warm_up": plan.warm_up,
            "minutes": request.minutes,
            "until_stable": request.until_stable,
            "timeout_s": placed.timeout_s,
            "argv": " ".join(placed.argv("CLIP")),
            "in_process": request.in_process,
            "against": None if request.against is None else str(request.against),
            "directory": str(placed.directory),
            "chip": project.deployment.settings.chip,
            "image_chip": str(project.image_facts.chip),
            "image_input": str(project.image_facts.input),
        },
        samples=(),
        clip_seconds=project.clip_seconds,
        tool_version=__version__,
        command=request.command,
        environment=seen.environment,
    )
    record = findings.into(seen.repeats.into(measured.into(record)), request)
    record = dataclasses.replace(record, answers=_beside_offline(project, record.answers, emit=emit))
    interchange.keep(history, record)
    return Benched(record=record, cut_short=measured.cut_short, hook_failure=seen.hook_failure)


@dataclass
class _Seen:
    """What is known of the board, as it was when the bench first reached it; after-hooks of its last end."""

    facts: BoardFacts = field(default_factory=BoardFacts)
    environment: dict[str, Any] = field(default_factory=dict)
    hook_failure: HookFailed | None = None
    repeats: Repeats = field(default_factory=Repeats)


def _to_its_end(
    under_way: bench_step.Bench,
    project: Project,
    config: BoardConfig,
    files: list[BoardFile],
    seen: _Seen,
    *,
    emit: Emit,
) -> BaseException | None:
    """Run what is left, over as many connections as it takes; what ended it early, once something was measured."""
    while True:
        try:
            with SshBoard(config) as board:
                on_board.push_to(board, project, config, files, emit=emit)
                if not seen.environment:
                    seen.facts = board.facts(project.program_on(config).directory)
                    seen.environment |= environment.of_board(board, seen.facts)
                with working(board, "deploy bench", emit=emit) as hooked:
                    seen.environment.setdefault("before", environment.snapshot(board))
                    under_way.proceed(board)
                    in_process.measure(
                        board, under_way.plan, seen.repeats, governor=under_way.governor, emit=emit
                    )
                    seen.environment["after"] = environment.snapshot(board)
                seen.hook_failure = hooked.failure
                return None
        except bench_step.Broken:
            if under_way.is_over:
                return None
        except (BoardUnreachable, ProgramFailed, KeyboardInterrupt) as e:
            if not under_way.has_begun:
                raise
            return e


def _other(placed: run_step.Program, request: Request) -> run_step.Program | None:
    """The second variant: another model, or the same once more."""
    if request.against is not None:
        return dataclasses.replace(placed, model=AGAINST)
    return placed if request.noise_floor else None


@contextlib.contextmanager
def working(board: Board, purpose: str, *, emit: Emit) -> Iterator[Hooked]:
    """The board is ours alone, its `before:` commands done, its `after:` ones due: for programs that are timed."""
    with (
        lock.held(board, board.config.directory, purpose, emit=emit),
        hooks.around(board, board.config, emit=emit) as hooked,
    ):
        yield hooked


def _beside_offline(project: Project, answers: tuple[Answer, ...], *, emit: Emit) -> tuple[Answer, ...]:
    """What a model without classes said, held against the offline simulator on this host."""
    if not answers:
        return ()
    from deployer.comparison import beside_offline, reached  # bring the engine, which classes do without

    clips = {clip.name: clip for clip in project.clips}
    return beside_offline.beside_offline(answers, clips, reached.image_of(project), emit=emit)


def _clip_name(project: Project, clip: str) -> str:
    names = [path.name for path in project.clips]
    name = Path(clip).name
    if name not in names:
        raise UsageError(f"no clip {clip!r} in {project.clips_dir}", hint=f"there are: {', '.join(names)}")
    return name
