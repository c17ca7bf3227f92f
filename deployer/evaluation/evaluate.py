"""`deploy eval`: the stages over a data set, each answer once, and what all of them come to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from board_runner.contract import InputContract
from board_runner.errors import InputError, UsageError
from board_runner.models import ecapa
from deployer import __version__, records
from deployer.board.config import BoardConfig
from deployer.comparison import sources, stages
from deployer.comparison.sources import StageSource
from deployer.datasets import manifest
from deployer.evaluation import dataset, kinds, recogniser
from deployer.evaluation.answer_file import VERSION, AnswerFile
from deployer.evaluation.answering import Answered, ByEngine, BySimulator, Runs, answer_all
from deployer.evaluation.counting import Counted, count
from deployer.evaluation.dataset import DataSet
from deployer.evaluation.listing import Listed, Listing
from deployer.evaluation.reading import Reading
from deployer.evaluation.record import KIND, DataSetInfo, EvalRecord, StageRecord
from deployer.events import Emit, ignore
from deployer.history import interchange
from deployer.project import GRAPHS, Project
from deployer.records import BoardInfo
from deployer.scheduling.cluster import Cluster

BOARD = "board"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to evaluate and how. `dataset` None means the project's clips; `fresh` computes what is kept already.

    `keep_going` leaves out the clips that a stage has no answer for; `units` names a recogniser's tokens; `worst`
    clips are kept in the record. `scheduler` is a Dask scheduler's address: all stages but the board's run there.
    """

    stages: Sequence[str]
    dataset: Path | None = None
    folds: Sequence[str] = ()
    jobs: int | None = None
    fresh: bool = False
    keep_going: bool = False
    units: Path | None = None
    worst: int = 20
    scheduler: str | None = None


class BoardRuns(Protocol):
    """A board as a stage, reached in whatever way; it is also a function as `answering.Runs` describes."""

    @property
    def source(self) -> StageSource: ...

    @property
    def info(self) -> BoardInfo: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def __call__(self, clips: Iterable[Listed], count: int, emit: Emit) -> Iterator[Sequence[Answered]]: ...


class OpenBoard(Protocol):
    """As `by_board.opened`."""

    def __call__(
        self, project: Project, config: BoardConfig, reading: Reading, *, keep_going: bool, emit: Emit
    ) -> AbstractContextManager[BoardRuns]: ...


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """One stage, ready to run."""

    source: StageSource
    reading: Reading
    runs: Runs
    notes: tuple[str, ...] = ()
    board: BoardInfo | None = None

    @property
    def key(self) -> str:
        """The hash of all that decides an answer but the clip."""
        contract = self.reading.contract.to_json()
        decides = (str(VERSION), __version__, self.reading.model_name, contract, self.source.key)
        return hashlib.sha256("\n".join(decides).encode()).hexdigest()


def evaluate(
    project: Project,
    request: Request,
    *,
    config: Callable[[], BoardConfig],
    open_board: OpenBoard | None = None,
    listing: Listing | None = None,
    emit: Emit = ignore,
) -> EvalRecord:
    """Run the stages over the data set; the record is kept in the history. `config` is asked only for `board`.

    `open_board` gives the board's stage in another way than over a connection from here; `listing` is `listed`, for
    several evaluations of the same request.
    Interrupted, it keeps the answers so far and goes on from them when it is called again. Raises UsageError,
    InputError, MissingArtifact before anything runs where that can be known.
    """
    check_stages(request.stages)
    if request.scheduler is not None:
        Cluster(address=request.scheduler).check()
    found = dataset.find(request.dataset or project.clips_dir, folds=request.folds)
    makers = {name: _made(project, name, request) for name in request.stages if name != BOARD}
    kind = _kind(project, request)
    with ExitStack() as stack:
        if listing is None:
            listing = stack.enter_context(listed(project, request, emit=emit))
        ran: list[_Stage] = []
        files: list[AnswerFile] = []
        for name in request.stages:
            made = makers.get(name)
            board = _board(project, config, open_board, request.keep_going, emit)
            with nullcontext(made) if made is not None else board as stage:
                files.append(stack.enter_context(_file(project, stage, fresh=request.fresh)))
                answer_all(name, stage.runs, listing, files[-1], emit=emit)
                ran.append(stage)
        counted = count(kind, request.stages, listing, files)
    record = _record(project, request, ran, counted, _info(found, listing, counted))
    interchange.keep(project.history(emit), record)
    return record


def listed(project: Project, request: Request, *, shared: bool = False, emit: Emit) -> Listing:
    """The request's clips, read and hashed; `shared`: for evaluations in several threads.

    Raises UsageError and InputError for what is no data set, or not one for this model.
    """
    found = dataset.find(request.dataset or project.clips_dir, folds=request.folds)
    _check_windows(found, project.contract)
    return Listing(found, check=_kind(project, request).check, shared=shared, emit=emit)


def _kind(project: Project, request: Request) -> kinds.Kind:
    return kinds.of(
        project.model,
        classes=project.contract.outputs[0].shape[-1],
        labels=project.labels,
        units_file=request.units,
        worst=request.worst,
    )


def check_stages(names: Sequence[str]) -> None:
    """One or more different, known stages. Raises UsageError."""
    if len(names) != 1:
        stages.check_names(names)
    elif names[0] not in stages.NAMES:
        raise UsageError(f"no stage {names[0]!r}", hint=f"stages: {', '.join(stages.NAMES)}")


def _made(project: Project, name: str, request: Request) -> _Stage:
    """Any stage but the board. Raises MissingArtifact or ConfigError where what it runs is not there."""
    if GRAPHS in project.vendor and project.static is None:
        source, contract = recogniser.source(project, name)
    else:
        source, contract = sources.of(project, name), project.contract
    reading = Reading(model_name=project.model_name, contract=contract)
    jobs, going = stages.jobs_or_cores(request.jobs), request.keep_going
    at = request.scheduler
    cluster = Cluster(address=at, needs=source.needs) if at is not None else None
    runs: Runs
    if source.simulation is not None:
        runs = BySimulator(
            stage=name,
            simulation=source.simulation,
            reading=reading,
            jobs=jobs,
            keep_going=going,
            cluster=cluster,
        )
    else:
        assert source.make is not None
        runs = ByEngine(make=source.make, reading=reading, jobs=jobs, keep_going=going, cluster=cluster)
    return _Stage(source=source, reading=reading, runs=runs)


@contextmanager
def _board(
    project: Project,
    config: Callable[[], BoardConfig],
    open_board: OpenBoard | None,
    keep_going: bool,
    emit: Emit,
) -> Iterator[_Stage]:
    """The board's stage, for as long as it runs."""
    from deployer.evaluation import by_board  # takes longer to load than a few clips take

    reading = Reading(model_name=project.model_name, contract=project.contract)
    opened = open_board or by_board.opened
    with opened(project, config(), reading, keep_going=keep_going, emit=emit) as there:
        yield _Stage(source=there.source, reading=reading, runs=there, notes=there.notes, board=there.info)


def _file(project: Project, stage: _Stage, *, fresh: bool) -> AnswerFile:
    name = stage.source.name
    path = project.deployment.state_dir / "eval" / f"{name}-{stage.key[:16]}.jsonl"
    about = {"stage": name, "detail": stage.source.detail, "model_sha256": stage.source.model_sha256}
    return AnswerFile(path, about | {"key": stage.key}, fresh=fresh)


def _record(
    project: Project,
    request: Request,
    ran: Sequence[_Stage],
    counted: Counted,
    info: DataSetInfo,
) -> EvalRecord:
    run_id, created = records.new_id(KIND)
    return EvalRecord(
        id=run_id,
        created=created,
        model=project.model_name,
        board=next((stage.board for stage in ran if stage.board is not None), None),
        labels=tuple(project.labels),
        sha256={"dataset": info.sha256} | {s.source.name: s.source.model_sha256 for s in ran},
        settings={
            "stages": list(request.stages),
            "chip": project.deployment.settings.chip,
            "keep_going": request.keep_going,
            "units": str(request.units) if request.units is not None else None,
        },
        dataset=info,
        stages=tuple(
            StageRecord(
                stage=stage.source.name,
                detail=stage.source.detail,
                model_sha256=stage.source.model_sha256,
                key=stage.key,
                measured=one,
                notes=stage.notes,
            )
            for stage, one in zip(ran, counted.measured, strict=True)
        ),
        versus=counted.versus,
        tool_version=__version__,
    )


def _info(found: DataSet, listing: Listing, counted: Counted) -> DataSetInfo:
    return DataSetInfo(
        path=str(found.root.absolute()),
        layout=found.layout,
        folds=found.folds,
        clips=listing.clips,
        distinct=listing.distinct,
        sha256=listing.sha256,
        without=counted.without,
        left_out=counted.left_out,
        name=found.name,
    )


def _check_windows(found: DataSet, contract: InputContract) -> None:
    """A manifest of speakers states windows of features: they must be the model's."""
    first = next(iter(found), None)
    if first is None or first.start_frame is None:
        return
    mel, listing = ecapa.front_end(contract), manifest.load(found.root)
    if (listing.frames, listing.sample_rate_hz) != (mel.frames, mel.sample_rate_hz):
        raise InputError(
            f"the manifest's windows are {listing.frames} frames at {listing.sample_rate_hz} Hz, "
            f"the model takes {mel.frames} at {mel.sample_rate_hz} Hz",
            hint="prepare the data set anew",
        )
