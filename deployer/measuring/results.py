"""What the runs of a bench become: samples and failures as the record keeps them."""

from __future__ import annotations

import dataclasses
import statistics
from collections import deque
from dataclasses import dataclass

from deployer.errors import ProgramFailed
from deployer.measuring.plan import Item
from deployer.measuring.stream import Governor, Ran
from deployer.records import Answer, Failure, RunRecord, Sample, answer_of
from deployer.run import Result


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a bench saw; `cut_short` is what ended it early: lost connection, interrupt, a board that hangs."""

    samples: tuple[Sample, ...]
    failures: tuple[Failure, ...]
    answers: tuple[Answer, ...] = ()
    governors: tuple[Governor, ...] = ()
    cut_short: BaseException | None = None

    def into(self, record: RunRecord) -> RunRecord:
        """The record with what was measured filled in."""
        environment = {**record.environment, "governors": [dataclasses.asdict(g) for g in self.governors]}
        return dataclasses.replace(
            record,
            samples=self.samples,
            failures=self.failures,
            answers=self.answers,
            environment=environment,
        )


class Standing:
    """What a bench under way can say of itself after each run, at no cost that grows."""

    LATEST = 50

    def __init__(self) -> None:
        self.failed = 0
        self._times_ms: deque[float] = deque(maxlen=self.LATEST)

    def take(self, seen: Sample | Failure) -> None:
        """One run more."""
        if isinstance(seen, Failure):
            self.failed += 1
        elif not seen.warm_up and seen.variant in ("", "a"):
            self._times_ms.append(seen.invoke_ms)

    @property
    def median_ms(self) -> float | None:
        """Of the latest runs that count."""
        return statistics.median(self._times_ms) if self._times_ms else None


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
    answer = answer_of(result.said, clip=clip)
    return Sample(
        clip=clip,
        run=run,
        invoke_ms=result.invoke_ms,
        post_process_ms=result.post_process_ms,
        class_id=result.class_id,
        answer=answer.key if answer is not None else "",
        first_chunk_ms=result.output.first_chunk_ms,
        wall_ms=result.wall_ms,
        start_load_io_ms=result.wall_ms - result.invoke_ms - result.post_process_ms,
    )


def sample_in_loop(result: Result, item: Item, ran: Ran, *, began_s: float) -> Sample:
    """The same with its place in the bench and the board's state after it."""
    return dataclasses.replace(
        sample_of(result, clip=item.clip, run=item.run),
        warm_up=item.warm_up,
        variant=item.variant,
        started_s=ran.began_s - began_s,
        temperature_c=ran.state.temperature_c,
        frequency_khz=ran.state.frequency_khz,
        load=ran.state.load,
        memory_available_kib=ran.state.memory_available_kib,
    )
