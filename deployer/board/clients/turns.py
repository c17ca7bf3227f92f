"""Who may open or end a channel when, on servers that break when one opens while another ends.

dropbear 2022.83 closes a channel that is just opening when any other command of the connection ends, and then drops
the connection at the next request for it (`Failed assertion (common-channel.c:705)`). So there a channel opens only
while no other is opening or about to end. A command without input may end at any moment; one that reads its input
ends after the input has, which is in our hands: that is why bulk channels can run side by side. A command
without input waits for these, for a while: beside them one connection in ten was lost all the same.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

LONG_S = 2.0
"""A command older than this is a long one: waiting for its end would take for ever, and it seldom ends just now."""

FED_S = 10.0
"""The same for one whose input has ended: it ends by that, however slow the board or this machine is just now."""


class Turns:
    """The order on one connection; without `careful` nobody waits."""

    def __init__(self, *, careful: bool) -> None:
        self.careful = careful
        self._changed = threading.Condition()
        self._opening: Turn | None = None
        self._ending: dict[Turn, float] = {}
        self._fed: set[Turn] = set()

    def open(self, turn: Turn) -> None:
        """Wait for the moment to open a channel."""
        with self._changed:
            asked = time.monotonic()
            while (held_s := self._held_s(turn, asked)) or self._opening is not None:
                self._changed.wait(held_s or None)
            self._opening = turn
            if not turn.ends_by_itself:
                self._fed.add(turn)

    def opened(self, turn: Turn) -> None:
        """The command runs; others may open, unless it may end at any moment."""
        with self._changed:
            self._opening = None
            if turn.ends_by_itself:
                self._ending[turn] = time.monotonic() + LONG_S
            self._changed.notify_all()

    def end(self, turn: Turn) -> None:
        """Wait for the moment to let a command end."""
        with self._changed:
            while self._opening is not None and not turn.over:
                self._changed.wait()
            if not turn.over:  # it may end while its input is still open
                self._ending[turn] = time.monotonic() + FED_S

    def ended(self, turn: Turn) -> None:
        """The channel is closed."""
        with self._changed:
            turn.over = True
            if self._opening is turn:
                self._opening = None
            self._ending.pop(turn, None)
            self._fed.discard(turn)
            self._changed.notify_all()

    def _held_s(self, turn: Turn, asked: float) -> float:
        """Seconds until every ending command counts as a long one, or so does the bulk beside a short one."""
        until = [*self._ending.values()]
        if self._fed and turn.ends_by_itself:
            until.append(asked + FED_S)
        return max(0.0, max(until, default=0.0) - time.monotonic())


class Turn:
    """One command's part in the order: opens on entry, is over on exit."""

    def __init__(self, turns: Turns, *, ends_by_itself: bool) -> None:
        self.over = False
        self._turns = turns
        self.ends_by_itself = ends_by_itself

    def __enter__(self) -> Self:
        if self._turns.careful:
            self._turns.open(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._turns.careful:
            self._turns.ended(self)

    def opened(self) -> None:
        """The server has started the command."""
        if self._turns.careful:
            self._turns.opened(self)

    def before_end(self) -> None:
        """Called before the input of the command ends."""
        if self._turns.careful and not self.ends_by_itself:
            self._turns.end(self)
