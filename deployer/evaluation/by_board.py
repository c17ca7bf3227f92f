"""The board as a stage: answers from its tensors where it can show them, else what its program prints.

Clips travel some at a time, as many as half of the free flash holds, and go away again.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from board_runner import audio
from board_runner.errors import InputError
from board_runner.models.base import Classifier, Embedding
from deployer import artifacts, at_work
from deployer import run as run_step
from deployer.board.base import Board, Upload
from deployer.board.config import BoardConfig
from deployer.comparison import board_stage, reached
from deployer.comparison.reached import Reached
from deployer.comparison.sources import StageSource
from deployer.errors import BoardUnreachable, ProgramFailed, TransferError
from deployer.evaluation.answering import SPOILT, Answered
from deployer.evaluation.answers import Answer, ClassOnly, NoAnswer, Timed
from deployer.evaluation.listing import Listed
from deployer.evaluation.reading import Reading
from deployer.events import Emit
from deployer.logs.said import Embedded, Heard
from deployer.project import Project
from deployer.push import BoardFile
from deployer.records import BoardInfo
from deployer.running.keep_run import board_info

STAGE = "board"
FOLDER = "eval"
"""Below `current/`: the wavs of a batch."""

MOST_BYTES = 64 << 20
LEAST_BYTES = 1 << 20
CLASSES_ONLY = "classes alone: no top 5, no calibration, no margins"
AS_PRINTED = "the answers are those that the board program prints"


@dataclass(frozen=True, kw_only=True)
class OnBoard:
    """An open board as a stage; a function as `answering.Runs` describes."""

    source: StageSource
    info: BoardInfo
    notes: tuple[str, ...]
    reading: Reading
    reached: Reached
    batch_bytes: int
    keep_going: bool = False

    def __call__(self, clips: Iterable[Listed], count: int, emit: Emit) -> Iterator[Sequence[Answered]]:
        """Raises ProgramFailed for a clip without a result, TransferError, NoSpace, BoardUnreachable."""
        with at_work.working(self.reached.board, "deploy eval", emit=emit):
            if self.reached.simulator is None:
                for batch in batches(clips, self.batch_bytes):
                    yield from self._printed(batch)
            else:
                yield from self._shown(clips)

    def _shown(self, clips: Iterable[Listed]) -> Iterator[Sequence[Answered]]:
        for listed in clips:
            yield [(listed, self._kept(partial(self._tensors, listed)))]

    def _tensors(self, listed: Listed) -> Answer:
        assert self.reached.simulator is not None
        tensor = [(listed.clip.name, self.reading.tensor(listed.clip))]
        outputs = self.reading.contract.outputs
        (seen,) = board_stage.simulate(self.reached.board, self.reached.simulator, tensor, outputs)
        return self.reading.answer([seen.tensors], listed.clip)

    def _kept(self, work: Callable[[], Answer]) -> Answer | NoAnswer:
        """The answer; or why there is none, where that may be and the board can go on."""
        try:
            return work()
        except (*SPOILT, ProgramFailed) as e:
            sick = isinstance(e, ProgramFailed) and e.aftermath is not None and e.aftermath.sick
            if sick or not self.keep_going:
                raise
            return NoAnswer(reason=str(e))

    def _printed(self, batch: Sequence[Listed]) -> Iterator[Sequence[Answered]]:
        placed, board = self.reached.placed, self.reached.board
        names = [PurePosixPath(FOLDER, f"{listed.key[:16]}.wav") for listed in batch]
        try:
            board.push(
                [_upload(one, placed.directory / name) for one, name in zip(batch, names, strict=True)]
            )
            for listed, name in zip(batch, names, strict=True):
                yield [(listed, self._kept(partial(self._print, listed, str(name))))]
        finally:
            with contextlib.suppress(BoardUnreachable, TransferError):  # never in place of what went wrong
                _remove(board, [placed.directory / name for name in names])

    def _print(self, listed: Listed, name: str) -> Answer:
        if listed.clip.start_frame is not None:
            raise InputError(
                f"{listed.clip.path}: the board program takes whole wavs, and the manifest states a window",
                hint="a board with a dla_simulator is given tensors: `board_simulator:` in deploy.yaml",
            )
        ran = run_step.run_clip(self.reached.board, self.reached.placed, name)
        match ran.said:
            case Embedded(values=values):
                return Embedding.of(np.array(values))
            case Heard(tokens=tokens, score=score):
                return Timed(
                    tokens=tokens,
                    score=score,
                    busy_ms=ran.invoke_ms + ran.post_process_ms,
                    first_chunk_ms=ran.output.first_chunk_ms or 0.0,
                    audio_s=self._seconds(listed.clip.path),
                )
        assert ran.class_id is not None  # `run_clip` gives the one or the other
        return ClassOnly(class_id=ran.class_id)

    def _seconds(self, wav: Path) -> float:
        rate_hz = self.reading.contract.sample_rate_hz
        return len(audio.require(audio.read_wav(wav), rate_hz)) / rate_hz


@contextmanager
def opened(
    project: Project,
    config: BoardConfig,
    reading: Reading,
    *,
    files: Sequence[BoardFile] | None = None,
    keep_going: bool,
    emit: Emit,
) -> Iterator[OnBoard]:
    """The board with program and model on it; `files` are `reached.files_of`, made once for many boards.

    Raises what a push raises.
    """
    what = reached.placed(project, config, reached.files_of(project, emit=emit) if files is None else files)
    with reached.reach(project, config, what, emit=emit) as found:
        one_input = "a simulator is given one input a clip"
        there = replace(found, simulator=None, why_not=one_input) if streams(reading) else found
        facts = there.board.facts(there.placed.directory)
        room = (facts.free_kib or 0) << 9  # half of it, in bytes
        shows = there.simulator.path.name if there.simulator is not None else there.placed.name
        told = CLASSES_ONLY if isinstance(reading.model, Classifier) else AS_PRINTED
        why = f", since {there.why_not}" if there.why_not else ""
        yield OnBoard(
            source=StageSource(
                name=STAGE,
                detail=f"{shows} on {config.name}",
                model_sha256=artifacts.sha256(reached.image_of(project)),
                tools=_programs(there),
                chip=facts.chip or "",
            ),
            info=board_info(config, facts),
            notes=() if there.simulator is not None else (f"{told}{why}",),
            reading=reading,
            reached=there,
            batch_bytes=max(LEAST_BYTES, min(MOST_BYTES, room)),
            keep_going=keep_going,
        )


def streams(reading: Reading) -> bool:
    """Whether a clip takes several runs, of which each gets what the one before it carried on."""
    return any(spec.name in reading.model.CARRY for spec in reading.contract.outputs)


def batches(clips: Iterable[Listed], most_bytes: int) -> Iterator[list[Listed]]:
    """Clips whose files come to `most_bytes` at most; a larger one goes alone."""
    batch: list[Listed] = []
    held = 0
    for listed in clips:
        size = listed.clip.path.stat().st_size
        if batch and held + size > most_bytes:
            yield batch
            batch, held = [], 0
        batch.append(listed)
        held += size
    if batch:
        yield batch


def _upload(listed: Listed, target: PurePosixPath) -> Upload:
    source: Path = listed.clip.path
    return Upload(source=source, target=target, sha256=artifacts.sha256(source))


def _remove(board: Board, places: Sequence[PurePosixPath]) -> None:
    """A board's command line holds some thousand bytes: some at a time."""
    for start in range(0, len(places), 32):
        board.run(["rm", "-f", *map(str, places[start : start + 32])], timeout_s=60)


def _programs(there: Reached) -> str:
    """Which programs answer: their hashes, and where the board's own simulator lies."""
    hashes = sorted(artifacts.sha256(file.source) for file in there.files)
    own = str(there.simulator.path) if there.simulator is not None else ""
    return hashlib.sha256("\n".join([*hashes, own]).encode()).hexdigest()
