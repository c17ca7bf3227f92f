"""The chain itself, a function a command; every one can be called without the command line."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from board_runner.errors import UsageError
from deployer import __version__, artifacts, hooks, program, records
from deployer import bench as bench_step
from deployer import build as build_step
from deployer import convert as convert_step
from deployer import export as export_step
from deployer import push as push_step
from deployer import run as run_step
from deployer.artifacts import Artifacts
from deployer.board.base import Board, BoardFacts
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.building import configured
from deployer.comparison import board_stage, compare_sim, references
from deployer.comparison.board_stage import Simulator
from deployer.comparison.compare import StageOutputs
from deployer.comparison.compare_sim import Compared, Request
from deployer.comparison.layouts import Layout
from deployer.conversion import simulate as simulate_step
from deployer.conversion.job import Direct
from deployer.conversion.simulate import Simulated
from deployer.errors import HookFailed, MissingArtifact, ProgramFailed
from deployer.events import Advanced, Emit, Finished, Skipped, Started, ignore
from deployer.project import Project
from deployer.push import BoardFile, PushReport
from deployer.records import BoardInfo, RunRecord
from deployer.release import keeping
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
    files = board_files(project, emit=emit) if files is None else files
    with SshBoard(config) as board:
        return push_to(board, project, config, files, chip=chip, dry_run=dry_run, replace=replace, emit=emit)


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
        with hooks.around(board, config, emit=emit) as hooked:
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
    files = board_files(project, emit=emit) if files is None else files
    runs = runs or project.deployment.settings.bench.runs
    placed = project.program_on(config)
    run_id, created = records.new_id("bench")
    with SshBoard(config) as board:
        push_to(board, project, config, files, emit=emit)
        facts = board.facts(placed.directory)
        with hooks.around(board, config, emit=emit) as hooked:
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
    image = project.ready_image or converted(project).image
    project.check_clips()
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
    if configured.is_wanted(project):
        return build_step.build(configured.program_job(project), emit=emit).path
    path = project.program_path
    if project.deployment.settings.program is None:
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


def convert(
    project: Project, *, direct: Direct | None = None, force: bool = False, emit: Emit = ignore
) -> Artifacts:
    """Run the toolchain, unless its outputs are current; with `direct`, without convert.sh."""
    return convert_step.convert(project.convert_job(direct), force=force, emit=emit)


def simulate(project: Project, *, emit: Emit = ignore) -> Simulated:
    """Convert what is not current, and simulate the float model by `convert.sh -s true`."""
    job = project.convert_job()
    return simulate_step.simulate(job, convert_step.convert(job, force=False, emit=emit), emit=emit)


def converted(project: Project) -> Artifacts:
    """The converted model of this project. Raises MissingArtifact."""
    return artifacts.load(project.artifacts_dir)


def compare(
    project: Project, request: Request, *, config: Callable[[], BoardConfig], emit: Emit = ignore
) -> Compared:
    """Run the stages and hold them against each other; `config` is asked only if `board` is among them."""

    def on_board() -> StageOutputs:
        return _board_stage(project, config(), request.clips or tuple(project.clips), emit=emit)

    return compare_sim.compare_stages(project, request, board=on_board, emit=emit)


def reference(
    project: Project, path: Path, *, clips: Sequence[Path] = (), layout: Layout | None = None
) -> StageOutputs:
    """The user's own tensors for `Request.reference`; `clips` empty means the project's.

    Levels are multiplied by the converted model's scales, where it is there. Raises InputError, UsageError.
    """
    scales: Mapping[str, float] = {}
    with contextlib.suppress(MissingArtifact):
        scales = references.scales_of(project.ready_image or converted(project).image)
    wanted = references.Wanted(
        clips=[clip.name for clip in clips or project.clips],
        outputs=project.contract.outputs,
        scales=scales,
        layout=layout,
    )
    return references.load(path, wanted).as_stage()


def _board_stage(project: Project, config: BoardConfig, clips: Sequence[Path], *, emit: Emit) -> StageOutputs:
    """Tensors where the board can give them, else class ids, and the detail says why."""
    settings = project.deployment.settings
    needed = [file for file in board_files(project, emit=emit) if file.source not in project.clips]
    placed = project.program_on(config)
    own = _has_own_simulator(project)
    simulator = board_stage.choose(settings.board_simulator, placed, own_runtime=own)
    if simulator is not None and simulator.own:
        needed.append(
            BoardFile(source=_own_simulator(project, emit=emit), name=board_stage.OWN, executable=True)
        )
    with SshBoard(config) as board, hooks.around(board, config, emit=emit):
        push_to(board, project, config, needed, emit=emit)
        why_not = board_stage.missing(board, simulator)
        if simulator is not None and why_not is None:
            return _board_tensors(board, project, simulator, clips, emit=emit).stage
        wavs = [BoardFile(source=clip, name=PurePosixPath(clip.name)) for clip in clips]
        push_to(board, project, config, wavs, emit=emit)
        class_ids = {}
        emit(Started(step="board", total=len(clips), unit="clips"))
        for done, clip in enumerate(clips, start=1):
            class_ids[clip.name] = run_step.run_clip(board, placed, clip.name).class_id
            emit(Advanced(step="board", done=done, total=len(clips), note=clip.name))
    emit(Finished(step="board", note=f"{len(class_ids)} clips, class ids only"))
    detail = f"{placed.name} on {config.name}: class ids only, since {why_not}"
    return StageOutputs(stage="board", detail=detail, outputs={}, class_ids=class_ids)


def _board_tensors(
    board: Board, project: Project, simulator: Simulator, clips: Sequence[Path], *, emit: Emit
) -> board_stage.BoardTensors:
    contract = project.contract
    image = project.ready_image or converted(project).image
    inputs = ((wav.name, convert_step.model_input(project.model, contract, wav)) for wav in clips)
    expected = board_stage.expected_of(image)
    answers = board_stage.simulate(board, simulator, inputs, contract.outputs, expected=expected)
    where = f"{simulator.path.name} on {board.name}"
    return board_stage.collect(answers, total=len(clips), where=where, emit=emit)


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


@dataclass(frozen=True, kw_only=True)
class WholeChain:
    """What `deploy all` saw."""

    compared: Compared
    benched: Benched


def run_all(project: Project, config: BoardConfig, *, emit: Emit = ignore) -> WholeChain:
    """Export where a checkpoint is configured, convert, compare, push and bench, skipping what is current."""
    export(project, emit=emit)
    convert(project, emit=emit)
    asked = Request(stages=("float", "fixed", "offline"))
    compared = compare(project, asked, config=lambda: config, emit=emit)
    return WholeChain(compared=compared, benched=bench(project, config, emit=emit))


def export(project: Project, *, emit: Emit = ignore) -> None:
    """Export the configured checkpoint, unless the exported model is newer than it or an ONNX is given."""
    section = project.deployment.settings.model
    if section.checkpoint is None or section.onnx is not None:
        emit(Skipped(step="export", note="an ONNX model is given" if section.onnx else "the shipped model"))
        return
    folder = project.deployment.resolve(section.checkpoint)
    made = project.exported_dir / "eat_sim.onnx"
    sources = [path for path in (folder / "chkpnt.pt", folder / "args.yml") if path.is_file()]
    if sources and made.is_file() and all(made.stat().st_mtime > path.stat().st_mtime for path in sources):
        emit(Skipped(step="export", note=f"{made} is current"))
        return
    export_step.run(folder, project.exported_dir, emit)


def _clip_name(project: Project, clip: str) -> str:
    names = [path.name for path in project.clips]
    name = Path(clip).name
    if name not in names:
        raise UsageError(f"no clip {clip!r} in {project.clips_dir}", hint=f"there are: {', '.join(names)}")
    return name
