"""Run every clip N times on the board and keep every number, whatever happens to single runs or to the board."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Sequence

from deployer.board.access.hostkeys import state_dir
from deployer.board.base import Board, Completed
from deployer.errors import BoardUnreachable, ProgramFailed
from deployer.events import Advanced, Emit, Finished, Started, Warned
from deployer.measuring import results
from deployer.measuring.conduct import GOVERNOR, Conductor, Stuck
from deployer.measuring.looks import Looks
from deployer.measuring.plan import ENDLESS, Item, Plan
from deployer.measuring.stream import Governor, Ran
from deployer.records import Answer, Failure, Sample, answer_of
from deployer.run import KEPT_BYTES, Program, explained, judge
from deployer.running import aftermath, last_run
from deployer.running.aftermath import Aftermath
from deployer.running.guard import Start

STEP = "bench"

REBOOT_S = 120.0
"""How long a board that was lost in the middle of a bench may take to come back."""

MOST_LOSSES = 3
"""A bench ends when the board was lost for the so-manieth time, or its loop broke down without a run."""

Stable = Callable[[Sequence[Sample]], bool]
"""Told the counted samples so far; whether they are enough."""


class Broken(BoardUnreachable):
    """The connection went in the middle of a bench, and a new one stands: the bench can go on at its next run."""


class Bench:
    """A bench under way. It outlives the connection and the board's boot: `proceed` goes on where it ended.

    `minutes` and `stable` end it besides the plan. `governor` None leaves the CPU's governor as it is.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        emit: Emit,
        minutes: float | None = None,
        stable: Stable | None = None,
        governor: str | None = GOVERNOR,
        reboot_s: float = REBOOT_S,
    ) -> None:
        self.plan = plan
        self.position = 0
        self._emit = emit
        self._minutes = minutes
        self._stable = stable
        self.governor = governor
        self._reboot_s = reboot_s
        self._seen: dict[int, Sample | Failure] = {}
        self._answers: dict[str, Answer] = {}
        self._governors: dict[str, Governor] = {}
        self._began_s: float | None = None
        self._losses = 0
        self._enough = False
        self._looks = Looks()
        self._ill: list[tuple[Item, Ran, ProgramFailed]] = []
        self._standing = results.Standing()

    @property
    def has_begun(self) -> bool:
        """Whether the board was ever told to run something."""
        return self._began_s is not None

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to run."""
        late = self._began_s is not None and time.monotonic() >= self._until_s()
        return self.position >= self.plan.total or self._enough or late

    def proceed(self, board: Board) -> None:
        """Run what is left. Raises Broken, BoardUnreachable, ProgramFailed (a sick board), KeyboardInterrupt."""
        if self._began_s is None:
            self._began_s = time.monotonic()
            total = None if self.plan.total >= ENDLESS else self.plan.total
            self._emit(Started(step=STEP, total=total, unit="runs"))
        while not self.is_over:
            conductor = Conductor(board, self.plan, governor=self.governor)
            at = self.position
            try:
                conductor.run(at, functools.partial(self._take, conductor), until_s=self._until_s())
            except Stuck as e:
                self._stuck(board, conductor, e, progress=self.position > at)
            except BoardUnreachable as e:
                self._lost(board, conductor, e)
            finally:
                self._governors = {g.node: g for g in conductor.stream.governors} | self._governors
            self._tend(board)

    def measured(self, cut_short: BaseException | None = None) -> results.Measured:
        """What there is so far, and the last word about it."""
        seen = [self._seen[index] for index in sorted(self._seen)]
        samples = tuple(item for item in seen if isinstance(item, Sample))
        failures = tuple(item for item in seen if isinstance(item, Failure))
        whole = len(seen) if self.plan.total >= ENDLESS else self.plan.total
        note = f"{len(samples)} of {whole} runs" + (f", {len(failures)} failed" if failures else "")
        if cut_short is None:
            self._emit(Finished(step=STEP, note=note))
        else:
            self._emit(Warned(step=STEP, message=f"ended early with {note}"))
        return results.Measured(
            samples=samples,
            failures=failures,
            answers=tuple(self._answers.values()),
            governors=tuple(self._governors.values()),
            cut_short=cut_short,
        )

    def _until_s(self) -> float:
        if self._minutes is None or self._began_s is None:
            return math.inf
        return self._began_s + 60 * self._minutes

    def _take(self, conductor: Conductor, ran: Ran) -> None:
        """A run that has ended, in the middle of the loop: nothing may be asked of the board here."""
        item = self.plan.item(ran.index)
        program = self.plan.program_of(item)
        self.position = ran.index + 1
        try:
            result = judge(ran.completed, program, item.clip)
        except ProgramFailed as e:
            self._ill.append((item, ran, e))
            conductor.stop()
            return
        if (answer := answer_of(result.said, clip=item.clip)) is not None:
            self._answers.setdefault(answer.key, answer)
        for warning in result.warnings:
            self._emit(Warned(step=STEP, message=f"{item.clip}, run {item.run}: {warning}"))
        self._seen[ran.index] = results.sample_in_loop(result, item, ran, began_s=self._began_s or 0.0)
        self._advanced(item)
        if self._is_enough():
            self._enough = True
            conductor.stop()

    def _is_enough(self) -> bool:
        if self._stable is None:
            return False
        counted = [s for s in self._seen.values() if isinstance(s, Sample) and s.counts]
        return self._looks.due(len(counted)) and self._stable(counted)

    def _tend(self, board: Board) -> None:
        """Ask what has become of the board, once for each run that gave no result."""
        while self._ill:
            item, ran, error = self._ill.pop(0)
            argv = self.plan.program_of(item).argv(item.clip)
            last_run.keep(state_dir(), board.address, argv, ran.completed)
            told = explained(error, aftermath.ask(board, ran.start))
            self._fail(item, told, ran.completed, status=ran.status, began_s=ran.began_s)
            if told.aftermath is not None and told.aftermath.sick:
                raise told

    def _stuck(self, board: Board, conductor: Conductor, why: Stuck, *, progress: bool) -> None:
        """The loop is gone or deaf; so may be the board."""
        after = aftermath.ask(board, self._start(conductor))
        told = explained(ProgramFailed(f"{why} on the board"), after)
        self._unfinished(conductor, told)
        if not progress and not self._seen:
            self._losses += 1
        if after.sick or self._losses >= MOST_LOSSES:
            raise told

    def _lost(self, board: Board, conductor: Conductor, lost: BoardUnreachable) -> None:
        """Wait for the board, note what it says of the run, and leave it to the caller to set it up again."""
        self._emit(Warned(step=STEP, message=f"{lost}; waiting up to {self._reboot_s:g} s for the board"))
        back = aftermath.reconnect(board, patience_s=self._reboot_s)
        after = aftermath.ask(board, self._start(conductor)) if back else Aftermath(answers=False)
        what = "the board rebooted" if after.rebooted else "the connection was lost"
        self._unfinished(conductor, ProgramFailed(f"{what} during the run", aftermath=after))
        self._losses += 1
        if not after.answers:
            raise BoardUnreachable(
                f"{lost}; the board did not come back in {self._reboot_s:g} s",
                hint="did it lose power or network? `deploy board probe` tells when it is back",
            ) from lost
        if self._losses >= MOST_LOSSES:
            hint = "watch its serial console during the next run" if after.rebooted else lost.hint
            raise BoardUnreachable(
                f"{what} {self._losses} times during this bench: {lost}", hint=hint
            ) from lost
        raise Broken(f"{what}: {lost}", hint=lost.hint) from lost

    def _start(self, conductor: Conductor) -> Start | None:
        unfinished = conductor.stream.unfinished()
        return unfinished[0].start if unfinished else conductor.stream.open

    def _unfinished(self, conductor: Conductor, error: ProgramFailed) -> None:
        """The run under way when the loop broke down is a failure of its own."""
        unfinished = conductor.stream.unfinished()
        if unfinished is None:
            return
        begun, stderr = unfinished
        item = self.plan.item(begun.index)
        self.position = begun.index + 1
        done = Completed(
            exit_status=None,
            stdout=bytes(begun.stdout),
            stderr=stderr,
            elapsed_ms=1000 * (time.monotonic() - begun.began_s),
            timed_out=begun.timed_out,
        )
        self._fail(item, error, done, status=None, began_s=begun.began_s)

    def _fail(
        self, item: Item, error: ProgramFailed, done: Completed, *, status: int | None, began_s: float
    ) -> None:
        self._emit(Warned(step=STEP, message=f"{item.clip}, run {item.run}: {error}"))
        said = (done.stdout + done.stderr)[-KEPT_BYTES:].decode("utf-8", "replace")
        self._seen[item.index] = dataclasses.replace(
            results.failure_of(error, clip=item.clip, run=item.run),
            exit_status=status,
            warm_up=item.warm_up,
            variant=item.variant,
            started_s=began_s - (self._began_s or 0.0),
            timed_out=done.timed_out,
            said=said,
        )
        self._advanced(item)

    def _advanced(self, item: Item) -> None:
        total = None if self.plan.total >= ENDLESS else self.plan.total
        now = self._standing
        now.take(self._seen[item.index])
        self._emit(
            Advanced(
                step=STEP,
                done=len(self._seen),
                total=total,
                note=item.clip,
                failed=now.failed,
                median_ms=now.median_ms,
            )
        )


def bench(
    board: Board, program: Program, clips: Sequence[str], *, runs: int, emit: Emit, warm_up: int = 0
) -> results.Measured:
    """Every clip `runs` times over an open connection; what was measured outlives any failure."""
    under_way = Bench(Plan(program=program, clips=tuple(clips), runs=runs, warm_up=warm_up), emit=emit)
    try:
        while not under_way.is_over:
            try:
                under_way.proceed(board)
            except Broken:
                continue
    except (BoardUnreachable, ProgramFailed, KeyboardInterrupt) as e:
        return under_way.measured(e)
    return under_way.measured()
