"""Where shards run: the same results everywhere, flat memory, and nothing that outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from board_runner.errors import InputError
from deployer.scheduling.scheduler import THREADS, InProcess, Processes, Scheduler, Threads
from deployer.under_way.pace import Pace

_KILLED = """
import os, sys, time
from pathlib import Path
from deployer.scheduling.scheduler import Processes

def prepare(folder):
    Path(folder, str(os.getpid())).touch()

def work(shard):
    time.sleep(0.05)
    return shard

if __name__ == "__main__":
    pool = Processes(jobs=2, prepare=prepare, arguments=(sys.argv[1],))
    for _ in pool.map(work, range(10_000)):
        pass
"""


def nothing() -> None:
    """What a process needs that needs nothing."""


def square(value: int) -> int:
    """A shard's work."""
    return value * value


def threads_wanted(_: int) -> list[str | None]:
    """What a worker's BLAS was told."""
    return [os.environ.get(name) for name in THREADS]


def refuse(value: int) -> int:
    """A shard whose data cannot be used."""
    raise InputError(f"clip {value}: no sound", hint="record it again")


@pytest.mark.parametrize(
    "scheduler", [InProcess(), Threads(jobs=3), Processes(jobs=2, prepare=nothing)], ids=lambda s: type(s).__name__
)  # fmt: skip
def test_results_come_in_the_order_of_the_shards(scheduler: Scheduler) -> None:
    """Whichever is ready first."""
    assert [value * value for value in range(20)] == list(scheduler.map(square, range(20)))


def test_a_process_has_one_blas_thread_and_the_parent_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results must not depend on how many cores a worker sees, and the parent's settings come back."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)

    assert [["1", "1", "1"]] == list(Processes(jobs=1, prepare=nothing).map(threads_wanted, [0]))
    assert ("7", None) == (os.environ.get("OMP_NUM_THREADS"), os.environ.get("MKL_NUM_THREADS"))


def test_an_error_crosses_processes_with_its_hint() -> None:
    """The operator sees what the worker said, cure included."""
    with pytest.raises(InputError, match="clip 3: no sound") as caught:
        list(Processes(jobs=1, prepare=nothing).map(refuse, [3]))

    assert "record it again" == caught.value.hint


def test_few_shards_are_begun_before_a_result_is_taken() -> None:
    """A long list of shards is not drawn into memory."""
    drawn: list[int] = []

    def shards() -> Iterator[int]:
        for number in range(1000):
            drawn.append(number)
            yield number

    results = Threads(jobs=2).map(square, shards())
    next(results)
    assert len(drawn) <= 3
    results.close()  # type: ignore[attr-defined]


def test_a_failure_stops_the_shards_that_still_run() -> None:
    """One simulator fails; the others are not waited for until their data is through."""
    stopped = threading.Event()

    def work(shard: int) -> int:
        if shard == 0:
            raise InputError("broken")
        assert stopped.wait(20), "nobody said stop"
        return shard

    started_s = time.monotonic()
    with pytest.raises(InputError, match="broken"):
        list(Threads(jobs=2, stop=stopped.set).map(work, range(2)))
    assert time.monotonic() - started_s < 10


def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    """SIGKILL leaves the parent no time to tell them."""
    script = tmp_path / "killed.py"
    script.write_text(_KILLED)
    (tmp_path / "pids").mkdir()
    parent = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "pids")], stderr=subprocess.DEVNULL
    )
    _wait(lambda: len(list((tmp_path / "pids").iterdir())) == 2)
    workers = [int(path.name) for path in (tmp_path / "pids").iterdir()]

    parent.send_signal(signal.SIGKILL)
    parent.wait()

    _wait(lambda: not any(_alive(pid) for pid in workers))


def test_the_pace_is_that_of_the_latest_results() -> None:
    """Ten kept clips at once, then one a second: what is left is told by the seconds."""
    pace = Pace(100, window=5)
    assert "clips" == pace.told(10, 0.0)
    for second in range(1, 11):
        told = pace.told(10 + second, float(second))

    assert "clips, 1 a second, 80 s left" == told


def _wait(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until, "it did not happen in 20 s"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
