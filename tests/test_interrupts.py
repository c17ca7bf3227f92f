"""Ctrl-C while a board is being talked to: noted, raised where it does no harm, and never lost."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from deployer import interrupts


def _press() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)  # the handler runs between two steps


def test_a_first_ctrl_c_waits_for_a_harmless_point() -> None:
    """Inside the block nothing is raised until somebody asks; then it is, once."""
    steps = []
    with interrupts.handled(), pytest.raises(KeyboardInterrupt), interrupts.deferred():
        _press()
        steps.append("after the key")
        with interrupts.deferred():
            steps.append("deeper")
        interrupts.check()
        steps.append("never")
    assert steps == ["after the key", "deeper"]
    interrupts.check()


def test_a_second_ctrl_c_does_not_wait() -> None:
    """Who presses twice means it."""
    with interrupts.handled(), pytest.raises(KeyboardInterrupt), interrupts.deferred():
        _press()
        _press()
        pytest.fail("the second one was swallowed")


def test_an_interrupt_that_nobody_asked_for_comes_at_the_end() -> None:
    """It is not lost, not even where the block ends with another error."""
    with interrupts.handled():
        with pytest.raises(KeyboardInterrupt), interrupts.deferred():
            _press()
        with pytest.raises(KeyboardInterrupt), interrupts.deferred():
            _press()
            raise ValueError("the board is gone")


def test_outside_a_block_ctrl_c_is_what_it_always_was() -> None:
    """At once, and the old handler is back afterwards."""
    with interrupts.handled(), pytest.raises(KeyboardInterrupt):
        _press()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_is_interrupted_where_it_does_no_harm() -> None:
    """A thread at its board sees it at its next check; one that is elsewhere at once."""
    seen: list[str] = []
    talking = threading.Event()

    def at_a_board() -> None:
        try:
            with interrupts.deferred():
                talking.set()
                while True:
                    time.sleep(0.01)
                    interrupts.check()
        except KeyboardInterrupt:
            seen.append("at a board")

    def elsewhere() -> None:
        try:
            while True:
                time.sleep(0.01)
        except KeyboardInterrupt:
            seen.append("elsewhere")

    threads = [threading.Thread(target=at_a_board), threading.Thread(target=elsewhere)]
    for thread in threads:
        thread.start()
    assert talking.wait(5)
    for thread in threads:
        interrupts.interrupt(thread)
    for thread in threads:
        thread.join(5)
    assert sorted(seen) == ["at a board", "elsewhere"]
