"""Ctrl-C at a point where it does no harm.

Python raises KeyboardInterrupt between any two steps: inside paramiko that leaves a lock held for good, and whoever
wants to stop the program on the board then waits for ever. So while a thread talks to a board its interrupt is only
noted, and the wait for the board, which looks a few times a second, raises it.
"""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class _State:
    depth: int = 0
    pending: bool = False


_states: dict[int, _State] = {}


@contextmanager
def handled() -> Iterator[None]:
    """Take Ctrl-C over for as long as the block lasts (in the main thread; elsewhere nothing changes)."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Interrupts of this thread wait for `check`, or for the end of the outermost block."""
    ident = threading.get_ident()
    state = _states.setdefault(ident, _State())
    state.depth += 1
    try:
        yield
    finally:
        state.depth -= 1
        if not state.depth:
            del _states[ident]
            if state.pending:
                raise KeyboardInterrupt


def check() -> None:
    """Raise the interrupt that has been noted for this thread, if any. Raises KeyboardInterrupt."""
    state = _states.get(threading.get_ident())
    if state is not None and state.pending:
        state.pending = False
        raise KeyboardInterrupt


def interrupt(thread: threading.Thread) -> None:
    """Raise KeyboardInterrupt in another thread: where it talks to a board at the next `check`, else at once."""
    if thread.ident is None:
        return
    state = _states.get(thread.ident)
    if state is not None and state.depth:
        state.pending = True
        return
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt)
    )


def _on_signal(number: int, frame: FrameType | None) -> None:
    """The first Ctrl-C waits for a harmless point; a second one does not."""
    state = _states.get(threading.main_thread().ident or 0)
    if state is not None and state.depth and not state.pending:
        state.pending = True
        return
    raise KeyboardInterrupt
