"""`run_fleet`: how many at once, what a failure means for the others, and how an interrupt ends it."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from deployer.board.config import BoardConfig
from deployer.errors import BoardUnreachable, CheckFailed
from deployer.events import Advanced, Emit, Event, Finished, ignore
from deployer.fleet.outcome import FleetResult, Outcome, State, worst
from deployer.fleet.runner import Began, run_fleet


def _boards(count: int) -> list[BoardConfig]:
    return [BoardConfig(name=f"b{n}", host=f"10.0.0.{n + 1}") for n in range(count)]


class Crowd:
    """How many jobs were at work at once, at most."""

    def __init__(self, *, meeting: int = 0) -> None:
        """`meeting`: until so many have met nobody leaves, however slow the machine is."""
        self._meeting = meeting
        self._lock = threading.Condition()
        self.now = self.most = 0
        self.order: list[str] = []

    def job(self, config: BoardConfig, emit: Emit) -> str:
        """Stay for a moment."""
        with self._lock:
            self.order.append(config.name)
            self.now += 1
            self.most = max(self.most, self.now)
            self._lock.notify_all()
            self._lock.wait_for(lambda: self.most >= self._meeting, timeout=10)
        time.sleep(0.02)
        with self._lock:
            self.now -= 1
        return config.address


@pytest.mark.parametrize(
    ("given", "most"), [({}, 16), ({"parallel": 3}, 3), ({"serial": 4}, 4), ({"parallel": 2, "serial": 9}, 2)]
)
def test_no_more_boards_are_worked_on_than_allowed(given: dict[str, Any], most: int) -> None:
    """Sixteen unless told, and never more than a batch holds."""
    crowd = Crowd(meeting=most)

    result = run_fleet(_boards(24), crowd.job, **given)

    assert most == crowd.most
    assert [f"root@10.0.0.{n + 1}:22" for n in range(24)] == [outcome.value for outcome in result.outcomes]
    assert 0 == result.exit_code


def test_a_batch_begins_when_the_one_before_is_through() -> None:
    """The rolling update: boards of the second batch stay as they are until then."""
    crowd = Crowd()
    run_fleet(_boards(9), crowd.job, serial=3)

    assert [{f"b{n}" for n in range(s, s + 3)} for s in (0, 3, 6)] == [
        set(crowd.order[s : s + 3]) for s in (0, 3, 6)
    ]


def _fails_at(name: str, error: BaseException) -> Callable[[BoardConfig, Emit], str]:
    def job(config: BoardConfig, emit: Emit) -> str:
        if config.name == name:
            raise error
        return "fine"

    return job


def test_a_failure_is_one_boards_own() -> None:
    """The others go on; message, hint and exit code are kept."""
    error = BoardUnreachable("no answer", hint="is it on?")
    result = run_fleet(_boards(5), _fails_at("b2", error))

    failed = result.outcomes[2]
    assert failed.trouble is not None
    assert ("no answer", "is it on?", 4) == (failed.trouble.message, failed.trouble.hint, failed.exit_code)
    assert [State.DONE] * 4 == [o.state for o in result.outcomes if o.board != "b2"]
    assert 4 == result.exit_code


def test_after_a_failure_fail_fast_begins_no_further_board() -> None:
    """Those not begun are named as such."""
    result = run_fleet(
        _boards(6), _fails_at("b1", CheckFailed("too low")), parallel=1, serial=3, fail_fast=True
    )

    expected = [State.DONE, State.FAILED, *[State.NOT_STARTED] * 4]
    assert expected == [outcome.state for outcome in result.outcomes]
    assert 1 == result.exit_code


@pytest.mark.parametrize("error", [ZeroDivisionError("oops"), SystemExit(3)])
def test_a_bug_at_one_board_keeps_its_traceback_and_spares_the_others(error: BaseException) -> None:
    """What nobody foresaw is one outcome with exit code 70, never a stack of dead threads."""
    result = run_fleet(_boards(3), _fails_at("b0", error))

    trouble = result.outcomes[0].trouble
    assert trouble is not None
    assert (70, True) == (trouble.exit_code, "raise error" in trouble.trace)
    assert [State.DONE] * 2 == [outcome.state for outcome in result.outcomes[1:]]


def test_a_value_that_is_judged_a_failure_is_kept() -> None:
    """A bench below the asked accuracy is a failure with its figures."""

    def judge(value: str) -> None:
        raise CheckFailed(f"{value} is not enough")

    result = run_fleet(_boards(1), lambda config, emit: "0.5", judge=judge)

    assert ("0.5", State.FAILED, 1) == (
        result.outcomes[0].value,
        result.outcomes[0].state,
        result.outcomes[0].exit_code,
    )


def test_events_come_in_the_callers_thread_with_their_board() -> None:
    """A sink needs no lock; each board begins, speaks and ends, in that order."""
    seen: list[tuple[str, str]] = []
    threads = set()

    def sink(board: str, event: Event | Began | Outcome[Any]) -> None:
        threads.add(threading.current_thread())
        seen.append((board, type(event).__name__))

    def job(config: BoardConfig, emit: Emit) -> None:
        for done in range(1, 1001):
            emit(Advanced(step="s", done=done, total=1000))
        emit(Finished(step="s"))

    run_fleet(_boards(3), job, emit=sink)

    assert {threading.current_thread()} == threads
    for name in ("b0", "b1", "b2"):
        kinds = [kind for board, kind in seen if board == name]
        assert ["Began", "Finished", "Outcome"] == [kind for kind in kinds if kind != "Advanced"]
        assert 2 <= kinds.count("Advanced") < 50  # the first and the last, not a thousand


def test_a_board_that_says_too_much_is_held_up() -> None:
    """Memory stays flat beside a slow terminal: what was not drawn yet is bounded, and nothing is lost."""
    said = heard = most = 0

    def job(config: BoardConfig, emit: Emit) -> None:
        nonlocal said
        for _ in range(20_000):
            emit(Finished(step="s"))
            said += 1

    def sink(board: str, event: object) -> None:
        nonlocal heard, most
        if isinstance(event, Finished):
            heard += 1
            most = max(most, said - heard)

    assert 0 == run_fleet(_boards(1), job, emit=sink).exit_code
    assert 20_000 == heard
    assert most < 2100


def _interrupted(job: Callable[[BoardConfig, Emit], str], at: threading.Event) -> FleetResult[str]:
    def press() -> None:
        at.wait(10)
        _thread.interrupt_main()

    threading.Thread(target=press, daemon=True).start()
    return run_fleet(_boards(4), job, parallel=2)


def test_an_interrupt_ends_every_board_and_tells_what_was_done() -> None:
    """Threads at a board clean up there as one command would; who was done stays done."""
    at_work, cleaned = threading.Event(), []

    def job(config: BoardConfig, emit: Emit) -> str:
        if config.name == "b0":
            return "done"
        try:
            if config.name == "b2":
                at_work.set()
            for _ in range(1000):
                time.sleep(0.02)
        finally:
            cleaned.append(config.name)
        return "never"

    started = time.monotonic()
    result = _interrupted(job, at_work)

    assert time.monotonic() - started < 5
    assert ["b1", "b2"] == sorted(cleaned)
    assert [State.DONE, State.INTERRUPTED, State.INTERRUPTED, State.NOT_STARTED] == [
        outcome.state for outcome in result.outcomes
    ]
    assert (True, 130) == (result.interrupted, result.exit_code)


def test_a_job_that_ends_on_the_interrupt_with_a_value_is_done() -> None:
    """A bench that saves what it has measured and returns is not thrown away."""
    at_work = threading.Event()
    both = threading.Barrier(2, action=at_work.set)

    def job(config: BoardConfig, emit: Emit) -> str:
        try:
            both.wait(10)
            for _ in range(1000):
                time.sleep(0.02)
        except KeyboardInterrupt:
            return "half"
        return "whole"

    result = _interrupted(job, at_work)

    assert {"half"} == {outcome.value for outcome in result.outcomes[:2]}
    assert 130 == result.exit_code


def test_a_sink_that_fails_stops_the_boards_and_is_heard() -> None:
    """A closed pipe ends the run at once."""
    ended = []

    def job(config: BoardConfig, emit: Emit) -> None:
        try:
            emit(Finished(step="s"))
            for _ in range(1000):
                time.sleep(0.02)
        finally:
            ended.append(config.name)

    def sink(board: str, event: object) -> None:
        if isinstance(event, Finished):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run_fleet(_boards(3), job, emit=sink)
    assert 3 == len(ended)


def test_no_boards_are_no_failure() -> None:
    """Nothing to do is done."""
    assert 0 == run_fleet([], lambda config, emit: ignore(Finished(step=""))).exit_code


@pytest.mark.parametrize(
    ("codes", "code"),
    [({0}, 0), ({0, 1}, 1), ({1, 5, 4}, 4), ({6, 5}, 6), ({2, 4, 7}, 2), ({70, 4}, 70), ({9}, 9)],
)
def test_one_exit_code_stands_for_the_board_that_got_least_far(codes: set[int], code: int) -> None:
    """The worst class wins; a class nobody ranked is not lost."""
    assert code == worst(codes)
