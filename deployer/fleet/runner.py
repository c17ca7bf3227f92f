"""One piece of work on many boards: so many at once, each failure its own, and an end that can be had early."""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeAlias, TypeVar

from board_runner.errors import DeployError
from deployer import interrupts
from deployer.board.config import BoardConfig
from deployer.errors import BUG, of_this_machine
from deployer.events import Advanced, Emit, Event
from deployer.fleet.outcome import FleetResult, Outcome, State, Trouble

T = TypeVar("T")

AT_ONCE = 16
"""How many boards are worked on at once unless told."""

_GRACE_S = 15.0
"""After Ctrl-C: how long the boards may take to stop what runs there (a gentle stop takes three seconds)."""

_TICK_S = 0.2
_MOST_UNHEARD = 2000
"""Events that may wait to be heard: a board that prints faster than a terminal scrolls is held up, not kept."""

_PAUSE_S = 0.01
_ADVANCE_S = 0.1
"""A bar need not move more often; with many boards telling each chunk would cost more than sending it."""


@dataclass(frozen=True, kw_only=True)
class Began:
    """Work on a board has begun."""

    address: str


FleetEmit: TypeAlias = Callable[[str, "Event | Began | Outcome[Any]"], None]
"""Called with a board's name and what happened there, always in the thread that called `run_fleet`."""


def unwatched(board: str, event: Event | Began | Outcome[Any]) -> None:
    """The sink of callers who do not watch."""


def run_fleet(
    boards: Sequence[BoardConfig],
    job: Callable[[BoardConfig, Emit], T],
    *,
    parallel: int | None = None,
    serial: int | None = None,
    fail_fast: bool = False,
    judge: Callable[[T], None] | None = None,
    emit: FleetEmit = unwatched,
) -> FleetResult[T]:
    """Do `job` on every board (names are unique), `parallel` at once (default 16), in batches of `serial`.

    A DeployError of `job` is that board's outcome and no other's; any other exception is kept as a bug with its
    traceback. `judge` raises a DeployError for a value that is a failure; the value is kept. With `fail_fast`
    no board is begun after the first failure; those under way may finish. On KeyboardInterrupt each thread
    gets the same interrupt at its board, ends there as a command on one board would, and the result says how
    far every board came; a second one does not wait for that.
    """
    run = _Run(job, judge, emit, fail_fast)
    size = serial or len(boards) or 1
    interrupted = False
    try:
        for start in range(0, len(boards), size):
            run.batch(boards[start : start + size], parallel or AT_ONCE)
    except KeyboardInterrupt:
        interrupted = True
        with contextlib.suppress(KeyboardInterrupt):
            run.interrupt()
    except BaseException:  # of the sink, such as a closed pipe: it is not asked again
        run.unwatch()
        run.interrupt()
        raise
    return FleetResult(outcomes=[run.outcome(board) for board in boards], interrupted=interrupted)


@dataclass(frozen=True, kw_only=True)
class _Ended:
    """Notice that a thread is through with its board; how, it has left in `_Run._endings`."""


@dataclass(frozen=True, kw_only=True)
class _Running:
    board: BoardConfig
    thread: threading.Thread


class _Run(Generic[T]):
    """Threads work and leave what they have to say in a queue; everything else happens in the caller's thread.

    So a thread shares no lock that an interrupt could leave locked, and one that dies unheard is noticed.
    """

    def __init__(
        self,
        job: Callable[[BoardConfig, Emit], T],
        judge: Callable[[T], None] | None,
        emit: FleetEmit,
        fail_fast: bool,
    ) -> None:
        self._job, self._judge, self._emit, self._fail_fast = job, judge, emit, fail_fast
        self._said: SimpleQueue[tuple[BoardConfig, Event | _Ended]] = SimpleQueue()
        self._endings: dict[str, Outcome[T]] = {}
        self._running: dict[str, _Running] = {}
        self._begun: set[str] = set()
        self._failed = False

    def batch(self, boards: Sequence[BoardConfig], parallel: int) -> None:
        """Work through one batch; returns when every board of it is through."""
        waiting = deque(boards)
        while waiting or self._running:
            if self._failed and self._fail_fast:
                waiting.clear()
            while waiting and len(self._running) < parallel:
                self._begin(waiting.popleft())
            if self._running:
                self._take()

    def unwatch(self) -> None:
        """Tell nobody any more."""
        self._emit = unwatched

    def interrupt(self) -> None:
        """Interrupt every thread at its board, and wait a while for it to end there."""
        for running in self._running.values():
            interrupts.interrupt(running.thread)
        deadline = time.monotonic() + _GRACE_S
        while self._running and time.monotonic() < deadline:
            self._take()

    def outcome(self, board: BoardConfig) -> Outcome[T]:
        """How it stands with a board, whatever it is doing."""
        if board.name in self._endings:
            return self._endings[board.name]
        state = State.INTERRUPTED if board.name in self._begun else State.NOT_STARTED
        return Outcome(board=board.name, address=board.address, state=state)

    def _begin(self, board: BoardConfig) -> None:
        # A daemon: a thread that hangs in a system call must not keep the process from ending.
        thread = threading.Thread(target=self._work, args=(board,), name=f"board {board.name}", daemon=True)
        self._begun.add(board.name)
        self._running[board.name] = _Running(board=board, thread=thread)
        self._emit(board.name, Began(address=board.address))
        thread.start()

    def _take(self) -> None:
        """Hear one thing that a thread said, or see which threads have died."""
        try:
            board, said = self._said.get(timeout=_TICK_S)
        except Empty:
            for running in [r for r in self._running.values() if not r.thread.is_alive()]:
                self._end(running.board)
            return
        if isinstance(said, _Ended):
            self._end(board)
        elif board.name in self._running:
            self._emit(board.name, said)

    def _end(self, board: BoardConfig) -> None:
        if self._running.pop(board.name, None) is None:
            return
        outcome = self.outcome(board)
        self._failed |= outcome.state is not State.DONE
        self._emit(board.name, outcome)

    def _work(self, board: BoardConfig) -> None:
        """In the thread. An interrupt that comes too late for the work ends the thread all the same."""
        with contextlib.suppress(KeyboardInterrupt):
            try:
                self._endings[board.name] = self._attempt(board)
            finally:
                self._said.put((board, _Ended()))

    def _say(self, board: BoardConfig, event: Event) -> None:
        while self._said.qsize() > _MOST_UNHEARD:
            time.sleep(_PAUSE_S)
        self._said.put((board, event))

    def _attempt(self, board: BoardConfig) -> Outcome[T]:
        started = time.monotonic()
        value: T | None = None
        trouble: Trouble | None = None
        state = State.DONE
        try:
            value = self._job(board, throttled(partial(self._say, board)))
            if self._judge is not None:
                self._judge(value)
        except KeyboardInterrupt:
            state = State.INTERRUPTED
        except DeployError as e:
            state, trouble = State.FAILED, Trouble(message=str(e), hint=e.hint, exit_code=e.exit_code)
        except BaseException as e:  # one board's bug must not take the others with it
            state, trouble = State.FAILED, _bug(e)
        return Outcome(
            board=board.name,
            address=board.address,
            state=state,
            value=value,
            trouble=trouble,
            duration_s=time.monotonic() - started,
        )


def throttled(emit: Emit, *, every_s: float = _ADVANCE_S) -> Emit:
    """Leaves out steps of a bar that follow each other too fast; all else passes."""
    moved_at = 0.0

    def pass_on(event: Event) -> None:
        nonlocal moved_at
        if isinstance(event, Advanced):
            now = time.monotonic()
            if now - moved_at < every_s and event.done != event.total:
                return
            moved_at = now
        emit(event)

    return pass_on


def _bug(error: BaseException) -> Trouble:
    known = of_this_machine(error) if isinstance(error, OSError) else None
    if known is not None:
        return Trouble(message=str(known), hint=known.hint, exit_code=known.exit_code)
    return Trouble(
        message=f"this is a bug of deploy itself: {type(error).__name__}: {error}",
        hint="please report it with the traceback",
        exit_code=BUG,
        trace="".join(traceback.format_exception(error)),
    )
