"""One loop on the board, conducted from here: deadlines kept, an end asked for, a loop that hangs let go of."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator

from deployer.board.base import Board
from deployer.board.clients.stop import GRACE_S
from deployer.errors import BoardUnreachable
from deployer.measuring.loop import LOOP, PUT_BACK
from deployer.measuring.plan import Plan
from deployer.measuring.stream import Begun, Ran, Stream

GOVERNOR = "performance"
SILENCE_S = 60
"""The board ends a loop by itself when it has not heard of this host for so long (where its `read` can wait)."""

_BEAT_S = 5.0
_TICK_S = 0.05
_SPARE_S = 10.0
"""How much longer than its deadline and the grace a run's end may take to come."""

_PUT_BACK_S = 15.0
_YEAR_S = 365 * 24 * 3600  # an old `sleep` counts in 32 bits


class Stuck(Exception):
    """A run that was to end did not, or the loop says nothing any more."""


class Conductor:
    """Runs a stretch of a plan. `on_run` is called with each run, in order, in the calling thread.

    After `stop()` the run under way ends by itself and no other begins.
    """

    def __init__(
        self, board: Board, plan: Plan, *, governor: str | None = GOVERNOR, silence_s: int = SILENCE_S
    ) -> None:
        self._board = board
        self._plan = plan
        self._governor = governor
        self._silence_s = silence_s
        self._over = threading.Event()
        self._stop = False
        self._until_s = math.inf
        self.stream = Stream(lambda ran: None)

    def stop(self) -> None:
        """Begin no further run."""
        self._stop = True

    def run(self, first: int, on_run: Callable[[Ran], None], *, until_s: float = math.inf) -> None:
        """Runs from number `first` on: to the plan's end, `stop()`, or this host's monotonic time `until_s`.

        Raises Stuck, BoardUnreachable, KeyboardInterrupt; governors are put back as far as the board lets us.
        """
        self.stream = Stream(on_run)
        self._stop, self._until_s = False, until_s
        self._over.clear()
        items = self._plan.cycle(first)
        last = self._plan.total if self._plan.is_whole(items) else first + len(items)
        try:
            self._board.script(
                LOOP,
                *self._words(first, last),
                *(f"{item.variant or 'a'}:{item.clip}" for item in items),
                timeout_s=math.inf,
                stdin=self._said(),
                on_output=self.stream.take,
            )
        finally:
            self._over.set()
            self.stream.flush()
            if not self.stream.closed:
                self._put_back()
        if not self.stream.closed:
            raise Stuck("the loop on the board has ended too early")

    def _words(self, first: int, last: int) -> list[str]:
        a, b = self._plan.program, self._plan.against or self._plan.program
        hole = f"{self.stream.token}-clip"
        words = [self.stream.token, str(self._silence_s), str(self._total_s(last - first)), str(GRACE_S)]
        words += [self._governor or "-", str(first), str(last), hole]
        for program in (a, b):
            words += [str(program.directory), "\n".join(program.argv(hole))]
        return [*words, *(f"{name}={value}" for name, value in a.env.items()), "--"]

    def _total_s(self, runs: int) -> int:
        """The longest that a loop may take, for a board whose shell can count only the whole."""
        left_s = self._until_s - time.monotonic()
        longest_s = runs * (self._plan.program.timeout_s + GRACE_S)
        return self._silence_s + min(_YEAR_S, math.ceil(min(left_s, longest_s)))

    def _said(self) -> Iterator[bytes]:
        """What the board's watcher hears; ends with the loop. Raises Stuck, which ends the loop from here."""
        beat_s = time.monotonic()
        stopped = False
        while not self._over.wait(_TICK_S) and not self.stream.closed:
            now_s = time.monotonic()
            begun = self.stream.begun
            if begun is not None and now_s - begun.began_s > self._limit_s(begun):
                if begun.timed_out:
                    raise Stuck("the run does not end")
                begun.timed_out = True
                yield f"end {begun.start.pid}\n".encode()
            elif begun is None and now_s - self.stream.heard_s > GRACE_S + _SPARE_S:
                raise Stuck("the loop on the board says nothing any more")
            if not stopped and (self._stop or now_s > self._until_s):
                stopped = True
                yield b"stop\n"
            elif now_s - beat_s > _BEAT_S:
                beat_s = now_s
                yield b".\n"

    def _limit_s(self, begun: Begun) -> float:
        limit_s = self._plan.program.timeout_s
        return limit_s + GRACE_S + _SPARE_S if begun.timed_out else limit_s

    def _put_back(self) -> None:
        """For a loop that was cut short: it may not have come to it."""
        pinned = [governor for governor in self.stream.governors if governor.pinned]
        words = [word for governor in pinned for word in (governor.node, governor.was)]
        try:
            if words:
                self._board.script(PUT_BACK, *words, timeout_s=_PUT_BACK_S)
        except BoardUnreachable:
            return  # whoever comes back to the board does it: `stream.governors` knows what
