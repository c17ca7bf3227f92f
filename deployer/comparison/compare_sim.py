"""`compare-sim`: run the asked stages on every clip and hold neighbours against each other."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from board_runner.contract import Array
from board_runner.errors import UsageError
from board_runner.models.base import Classifier
from deployer import artifacts, prepare
from deployer.comparison import compare, elsewhere, sources, stages
from deployer.comparison.clip_set import ClipSet
from deployer.comparison.compare import Comparison, Limits, StageOutputs, Verdict
from deployer.comparison.decisions import Agreement, agreement
from deployer.comparison.output_store import Manifest, OutputFolder, input_sha256
from deployer.comparison.sources import StageSource
from deployer.errors import CheckFailed
from deployer.events import Emit
from deployer.project import Project
from deployer.scheduling.cluster import Cluster


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to compare and how. `stages` are names, or NAME=FOLDER for outputs that are kept there.

    `clips` empty means the project's; `common` compares what all stages have, `save` keeps outputs below a
    folder of the user's, `fresh` computes what is kept already. `scheduler` is the address of a Dask scheduler: all
    stages but the board's run there.
    """

    stages: Sequence[str]
    clips: tuple[Path, ...] = ()
    jobs: int | None = None
    save: Path | None = None
    fresh: bool = False
    common: bool = False
    reference: StageOutputs | None = None
    scheduler: str | None = None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One comparison and what the limits say of it."""

    comparison: Comparison
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Every stage against the one before it, in the order asked for, and the last against the first.

    `left_out` are clips that not all stages have.
    """

    stages: tuple[StageOutputs, ...]
    judged: tuple[Judged, ...]
    agreement: Agreement | None = None
    labels: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def raise_failure(self) -> None:
        """Raise CheckFailed when a limit does not hold."""
        for judged in self.judged:
            if not judged.verdict.passed:
                pair = f"{judged.comparison.candidate} against {judged.comparison.reference}"
                raise CheckFailed(
                    f"{pair}: {'; '.join(judged.verdict.failures)}; worst clip {judged.comparison.worst_clip}",
                    hint="`limits:` in deploy.yaml; `deploy compare-sim ... --layers` shows where it is lost",
                )


@dataclass(frozen=True)
class _Chosen(Mapping[str, Mapping[str, Array]]):
    """Some clips of a folder, in the order asked for."""

    folder: OutputFolder
    names: tuple[str, ...]
    _known: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_known", frozenset(self.names))

    def __getitem__(self, clip: str) -> Mapping[str, Array]:
        if clip not in self._known:
            raise KeyError(clip)
        return self.folder[clip]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, clip: object) -> bool:
        return clip in self._known

    def __len__(self) -> int:
        return len(self.names)


def compare_stages(
    project: Project, request: Request, *, board: Callable[[], StageOutputs], emit: Emit
) -> Compared:
    """Run the stages in the order asked for and compare; `board` runs the clips on a board, if it is asked for.

    Raises UsageError, MissingArtifact, ToolchainError before anything runs where that can be known.
    """
    stored = {name: Path(folder) for name, _, folder in (s.partition("=") for s in request.stages) if folder}
    names = [stage.partition("=")[0] for stage in request.stages]
    check(names, extra=request.reference is not None)
    opened = {name: OutputFolder.open(folder) for name, folder in stored.items()}
    clips = ClipSet(
        model_name=project.model_name,
        contract=project.contract,
        wavs=request.clips or tuple(project.clips),
    )
    runner = _Runner(project, request, clips, emit)
    to_run = [name for name in names if name not in opened]
    runner.check(to_run)
    if to_run and not request.common and request.reference is None:
        _same_clips(opened, clips.names)
    made: list[StageOutputs] = [request.reference] if request.reference is not None else []
    for name in names:
        if name in opened:
            made.append(_stored(name, opened[name]))
        elif name == "board":
            made.append(board())
            if request.save is not None:
                _keep(made[-1], clips, request.save)
        else:
            made.append(runner.run(name))
    _same_inputs(made, clips if "board" in to_run else None)
    kept, left_out = _common(made) if request.common or request.reference is not None else (made, ())
    limits = Limits(**msgspec.structs.asdict(project.deployment.settings.limits))
    if not isinstance(project.model, Classifier):  # the largest element of an embedding decides nothing
        limits = replace(limits, top1_min=0.0)
    judged = judge(kept, limits, targets=_targets(kept))
    return replace(judged, labels=tuple(project.labels), left_out=left_out)


def check(names: Sequence[str], *, extra: bool) -> None:
    """Known names, each once, two or more with the user's own reference. Raises UsageError."""
    stages.check_names([*names, "torch"] if extra and "torch" not in names else names)


class _Runner:
    """Runs stages of one project over one set of clips."""

    def __init__(self, project: Project, request: Request, clips: ClipSet, emit: Emit) -> None:
        self._project, self._request, self._clips, self._emit = project, request, clips, emit
        self._jobs = stages.jobs_or_cores(request.jobs)

    def check(self, names: Sequence[str]) -> None:
        """What can be known before anything runs."""
        if self._request.scheduler is not None:
            Cluster(address=self._request.scheduler).check()
        if any(name in stages.SIMULATED for name in names):
            artifacts.load(self._project.artifacts_dir)
        if "board" in names and self._clips.streams:
            raise UsageError(
                "a board's simulator is given one input a clip here, not chunks with their state",
                hint="stages: onnx, float, fixed, offline",
            )
        if "torch" in names:
            sources.checkpoint(self._project)

    def run(self, name: str) -> StageOutputs:
        """One stage, into its folder; what is there already is not computed again."""
        source = sources.of(self._project, name)
        folder = self._folder(source)
        if self._request.scheduler is not None:
            cluster = Cluster(address=self._request.scheduler, needs=source.needs)
            elsewhere.run(source, cluster, self._clips, folder, emit=self._emit)
        elif source.simulation is not None:
            stages.simulate(name, source.simulation, self._clips, folder, jobs=self._jobs, emit=self._emit)
        elif source.make is not None:
            stages.run_engine(name, source.make, self._clips, folder, jobs=self._jobs, emit=self._emit)
        return self._outputs(folder)

    def _folder(self, source: StageSource) -> OutputFolder:
        save = self._request.save
        parent = save or self._project.deployment.state_dir / "outputs"
        manifest = Manifest(
            stage=source.name,
            detail=source.detail,
            key=source.key,
            model_sha256=source.model_sha256,
            tools=source.tools,
            chip=source.chip,
            outputs={spec.name: tuple(spec.shape) for spec in self._project.contract.outputs},
        )
        return OutputFolder.create(
            parent / source.name, manifest, fresh=self._request.fresh, replace=save is None
        )

    def _outputs(self, folder: OutputFolder) -> StageOutputs:
        chosen = _Chosen(folder, tuple(self._clips.names))
        return StageOutputs(stage=folder.manifest.stage, detail=folder.manifest.detail, outputs=chosen)


def _keep(stage: StageOutputs, clips: ClipSet, parent: Path) -> None:
    """Keep what a board gave: it may be gone tomorrow."""
    key = hashlib.sha256(stage.detail.encode()).hexdigest()
    manifest = Manifest(stage=stage.stage, detail=stage.detail, key=key)
    folder = OutputFolder.create(parent / stage.stage, manifest, fresh=True)
    ids = stage.class_ids or {}
    for wav in clips.wavs:
        folder.write(
            wav.name,
            stage.outputs.get(wav.name, {}),
            input_sha256=input_sha256(clips.tensor(wav)),
            class_id=ids.get(wav.name),
        )


def _stored(name: str, folder: OutputFolder) -> StageOutputs:
    detail = f"{folder.manifest.detail}, kept in {folder.folder}"
    return StageOutputs(stage=name, detail=detail, outputs=folder, class_ids=folder.class_ids)


def _same_clips(opened: Mapping[str, OutputFolder], wanted: Sequence[str]) -> None:
    """Raise UsageError before anything runs where kept outputs are not of the clips that the others run."""
    for name, folder in opened.items():
        other = sorted(set(folder) ^ set(wanted))
        if other:
            where = "not among those to compare" if other[0] in folder else f"not in {folder.folder}"
            raise UsageError(
                f"{name}: {len(other)} clips differ; the first, {other[0]}, is {where}",
                hint="--common compares the clips that both have",
            )


def _targets(made: Sequence[StageOutputs]) -> dict[str, int]:
    """Clip -> class id, where the clip's name states it; the clips need not be the project's."""
    names = {clip for stage in made for clip in (stage.class_ids or stage.outputs)}
    found = {name: prepare.target_of(name) for name in sorted(names)}
    return {name: target for name, target in found.items() if target is not None}


def _same_inputs(made: Sequence[StageOutputs], on_board: ClipSet | None) -> None:
    """Raise UsageError where two stages were given another input under one clip's name."""
    first: dict[str, tuple[str, str]] = {}
    if on_board is not None and any(isinstance(stage.outputs, OutputFolder) for stage in made):
        first = {wav.name: ("board", input_sha256(on_board.tensor(wav))) for wav in on_board.wavs}
    for stage in made:
        folder = _folder_of(stage)
        for clip in stage.outputs if folder is not None else ():
            assert folder is not None
            given = folder.inputs(clip)
            name, digest = first.setdefault(clip, (stage.stage, given))
            if digest != given:
                raise UsageError(
                    f"{clip}: {stage.stage} and {name} were given different inputs",
                    hint="compute both from the same wavs; a front end or its settings may have changed",
                )


def _folder_of(stage: StageOutputs) -> OutputFolder | None:
    outputs = stage.outputs
    if isinstance(outputs, OutputFolder):
        return outputs
    return outputs.folder if isinstance(outputs, _Chosen) else None


def _common(made: Sequence[StageOutputs]) -> tuple[list[StageOutputs], tuple[str, ...]]:
    """Every stage with the clips that all have; and the names of the others. Raises UsageError for none."""
    names = [stage.class_ids if stage.class_ids is not None else stage.outputs for stage in made]
    shared = [clip for clip in names[0] if all(clip in each for each in names)]
    if not shared:
        raise UsageError("the stages have no clip in common")
    left_out = tuple(sorted({clip for each in names for clip in each} - set(shared)))
    return [_of(stage, shared) for stage in made], left_out


def _of(stage: StageOutputs, clips: Sequence[str]) -> StageOutputs:
    if stage.class_ids is not None:
        return replace(stage, class_ids={clip: stage.class_ids[clip] for clip in clips})
    folder = _folder_of(stage)
    if folder is not None:
        return replace(stage, outputs=_Chosen(folder, tuple(clips)))
    return replace(stage, outputs={clip: stage.outputs[clip] for clip in clips})


def judge(
    outputs: Sequence[StageOutputs], limits: Limits, *, targets: Mapping[str, int] | None = None
) -> Compared:
    """Compare neighbours, and the last with the first when there are more than two."""
    pairs = list(itertools.pairwise(outputs))
    if len(outputs) > 2:
        pairs.append((outputs[0], outputs[-1]))
    comparisons = [compare.compare(a, b, targets=targets) for a, b in pairs]
    decided = [(stage.stage, compare.decisions(stage)) for stage in outputs]
    return Compared(
        stages=tuple(outputs),
        judged=tuple(Judged(comparison=c, verdict=compare.verdict(c, limits)) for c in comparisons),
        agreement=agreement(decided, targets or {}),
    )
