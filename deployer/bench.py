"""Run every clip N times on the board and keep every number."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from deployer.board.base import Board
from deployer.errors import BoardUnreachable, ProgramFailed
from deployer.events import Advanced, Emit, Finished, Started, Warned
from deployer.records import Failure, RunRecord, Sample
from deployer.run import Program, Result, run_clip

STEP = "bench"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a bench saw; `cut_short` is what ended it early: lost connection, interrupt, a board that hangs."""

    samples: tuple[Sample, ...]
    failures: tuple[Failure, ...]
    cut_short: BaseException | None = None

    def into(self, record: RunRecord) -> RunRecord:
        """The record with what was measured filled in."""
        return dataclasses.replace(record, samples=self.samples, failures=self.failures)


def bench(board: Board, program: Program, clips: Sequence[str], *, runs: int, emit: Emit) -> Measured:
    """Interleave the clips, so that drift touches all alike; what was measured outlives any failure."""
    seen: list[Sample | Failure] = []
    total = runs * len(clips)
    emit(Started(step=STEP, total=total, unit="runs"))
    cut_short: BaseException | None = None
    try:
        for run in range(1, runs + 1):
            for clip in clips:
                measured, sick = _measure(board, program, clip, run=run, emit=emit)
                seen.append(measured)
                if sick is not None:
                    raise sick
                emit(Advanced(step=STEP, done=len(seen), total=total, note=clip))
    except (BoardUnreachable, ProgramFailed, KeyboardInterrupt) as e:
        cut_short = e
    samples = tuple(item for item in seen if isinstance(item, Sample))
    failures = tuple(item for item in seen if isinstance(item, Failure))
    note = f"{len(samples)} of {total} runs" + (f", {len(failures)} failed" if failures else "")
    if cut_short is None:
        emit(Finished(step=STEP, note=note))
    else:
        emit(Warned(step=STEP, message=f"ended early with {note}"))
    return Measured(samples=samples, failures=failures, cut_short=cut_short)


def _measure(
    board: Board, program: Program, clip: str, *, run: int, emit: Emit
) -> tuple[Sample | Failure, ProgramFailed | None]:
    """One run; and its failure, where the board after it is such that no other can be tried."""
    try:
        result = run_clip(board, program, clip)
    except ProgramFailed as e:
        emit(Warned(step=STEP, message=f"{clip}, run {run}: {e}"))
        return failure_of(e, clip=clip, run=run), e if e.aftermath and e.aftermath.sick else None
    for warning in result.warnings:
        emit(Warned(step=STEP, message=f"{clip}, run {run}: {warning}"))
    return sample_of(result, clip=clip, run=run), None


def failure_of(error: ProgramFailed, *, clip: str, run: int) -> Failure:
    """A failure as the record keeps it, with the board after it."""
    after = error.aftermath
    if after is None:
        return Failure(clip=clip, run=run, reason=str(error))
    return Failure(
        clip=clip,
        run=run,
        reason=str(error),
        board_answers=after.answers,
        board_rebooted=after.rebooted,
        kernel=after.kernel,
        left=tuple(f"{left.pid} {left.name} {left.state}" for left in after.left),
    )


def sample_of(result: Result, *, clip: str, run: int) -> Sample:
    """A run's numbers as the record keeps them."""
    return Sample(
        clip=clip,
        run=run,
        invoke_ms=result.invoke_ms,
        post_process_ms=result.post_process_ms,
        class_id=result.class_id,
        wall_ms=result.wall_ms,
        start_load_io_ms=result.wall_ms - result.invoke_ms - result.post_process_ms,
    )
