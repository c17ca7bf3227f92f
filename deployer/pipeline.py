"""Conversion, comparison and the whole chain; every function can be called without the command line."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from board_runner.errors import UsageError
from deployer import artifacts, at_work, on_board
from deployer import convert as convert_step
from deployer import export as export_step
from deployer import run as run_step
from deployer.artifacts import Artifacts
from deployer.board.base import Board
from deployer.board.config import BoardConfig
from deployer.comparison import board_stage, compare_sim, reached, references
from deployer.comparison.board_stage import Simulator
from deployer.comparison.compare import StageOutputs
from deployer.comparison.compare_sim import Compared, Request
from deployer.comparison.layouts import Layout
from deployer.conversion import simulate as simulate_step
from deployer.conversion import streamed
from deployer.conversion.job import Direct
from deployer.conversion.simulate import Simulated
from deployer.errors import MissingArtifact
from deployer.events import Advanced, Emit, Finished, Skipped, Started, ignore
from deployer.project import Project
from deployer.push import BoardFile


def convert(
    project: Project, *, direct: Direct | None = None, force: bool = False, emit: Emit = ignore
) -> Artifacts:
    """Run the toolchain, unless its outputs are current; with `direct`, without convert.sh.

    A model with carried state is converted without the toolchain. Raises UsageError where deploy.yaml names one.
    """
    job = project.convert_job(direct)
    if project.static is None:
        return convert_step.convert(job, force=force, emit=emit)
    if project.toolchain.is_vendors:
        raise UsageError(
            f"{project.static.name} has {len(job.contract.inputs)} inputs, state among them: deploy does not know "
            "how the vendor's tools take these",
            hint="unset toolchain.models_dir and tools_dir to quantise with deploy's own arithmetic",
        )
    return streamed.convert(job, force=force, emit=emit)


def simulate(project: Project, *, emit: Emit = ignore) -> Simulated:
    """Convert what is not current, and simulate the float model by `convert.sh -s true`."""
    if project.static is not None:
        raise UsageError("convert.sh does not simulate a model with state", hint="`deploy compare-sim` does")
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
    purpose = "deploy compare-sim"
    what = reached.needed(project, config, emit=emit)
    with reached.reach(project, config, what, emit=emit) as there:
        board, placed = there.board, there.placed
        if there.simulator is not None:
            with at_work.working(board, purpose, emit=emit):
                return _board_tensors(board, project, there.simulator, clips, emit=emit).stage
        wavs = [BoardFile(source=clip, name=PurePosixPath(clip.name)) for clip in clips]
        on_board.push_to(board, project, config, [*there.files, *wavs], emit=emit)
        with at_work.working(board, purpose, emit=emit):
            class_ids = _class_ids(board, placed, clips, emit=emit)
    emit(Finished(step="board", note=f"{len(class_ids)} clips, class ids only"))
    detail = f"{placed.name} on {config.name}: class ids only, since {there.why_not}"
    return StageOutputs(stage="board", detail=detail, outputs={}, class_ids=class_ids)


def _class_ids(
    board: Board, placed: run_step.Program, clips: Sequence[Path], *, emit: Emit
) -> dict[str, int]:
    found = {}
    emit(Started(step="board", total=len(clips), unit="clips"))
    for done, clip in enumerate(clips, start=1):
        told = run_step.run_clip(board, placed, clip.name).class_id
        if told is None:
            raise UsageError(
                f"{placed.name} tells no class of {clip.name}, and shows no tensors",
                hint="`deploy eval offline board` holds what it tells against the offline simulator's",
            )
        found[clip.name] = told
        emit(Advanced(step="board", done=done, total=len(clips), note=clip.name))
    return found


def _board_tensors(
    board: Board, project: Project, simulator: Simulator, clips: Sequence[Path], *, emit: Emit
) -> board_stage.BoardTensors:
    contract = project.contract
    image = reached.image_of(project)
    inputs = ((wav.name, convert_step.model_input(project.model, contract, wav)) for wav in clips)
    expected = board_stage.expected_of(image)
    answers = board_stage.simulate(board, simulator, inputs, contract.outputs, expected=expected)
    where = f"{simulator.path.name} on {board.name}"
    return board_stage.collect(answers, total=len(clips), where=where, emit=emit)


@dataclass(frozen=True, kw_only=True)
class WholeChain:
    """What `deploy all` saw."""

    compared: Compared
    benched: at_work.Benched


def run_all(project: Project, config: BoardConfig, *, emit: Emit = ignore) -> WholeChain:
    """Export where a checkpoint is configured, convert, compare, push and bench, skipping what is current."""
    export(project, emit=emit)
    convert(project, emit=emit)
    asked = Request(stages=("float", "fixed", "offline"))
    compared = compare(project, asked, config=lambda: config, emit=emit)
    return WholeChain(compared=compared, benched=at_work.bench(project, config, emit=emit))


def export(project: Project, *, emit: Emit = ignore) -> None:
    """Export the configured checkpoint, unless the exported model is newer than it or an ONNX is given."""
    section = project.deployment.settings.model
    if section.checkpoint is None or section.onnx is not None:
        emit(Skipped(step="export", note="an ONNX model is given" if section.onnx else "the shipped model"))
        return
    folder = project.deployment.resolve(section.checkpoint)
    made = project.exported_dir / f"{section.name}_sim.onnx"
    sources = [path for path in (folder / "chkpnt.pt", folder / "args.yml") if path.is_file()]
    if sources and made.is_file() and all(made.stat().st_mtime > path.stat().st_mtime for path in sources):
        emit(Skipped(step="export", note=f"{made} is current"))
        return
    export_step.run(folder, project.exported_dir, emit, model=section.name)
