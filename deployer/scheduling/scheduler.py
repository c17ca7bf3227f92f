"""Where the shards of a large piece of work run: here, in threads, in processes; on other machines later."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

S = TypeVar("S")
R = TypeVar("R")


class Scheduler(Protocol):
    """Maps a function over shards; results come in the order of the shards."""

    def map(self, function: Callable[[S], R], shards: Iterable[S]) -> Iterator[R]:
        """Give each shard's result as it is ready; the first failure is raised."""
        ...


class InProcess:
    """One shard after the other, here."""

    def map(self, function: Callable[[S], R], shards: Iterable[S]) -> Iterator[R]:
        """Lazy: a shard runs when its result is asked for."""
        return map(function, shards)


@dataclass(frozen=True, kw_only=True)
class Threads:
    """`jobs` shards at once, for work that other programs do.

    `stop` is called when no more results are wanted, after an error or Ctrl-C too: shards that still run should
    then end soon.
    """

    jobs: int
    stop: Callable[[], None] = lambda: None

    def map(self, function: Callable[[S], R], shards: Iterable[S]) -> Iterator[R]:
        """No more than `jobs` shards are begun before a result is taken."""
        return _windowed(ThreadPoolExecutor(self.jobs), function, shards, self.jobs, self.stop)


@dataclass(frozen=True, kw_only=True)
class Processes:
    """`jobs` processes, each of which calls `prepare(*arguments)` once; all of it must pickle.

    A process has one BLAS thread, and ends when this one does, even if this one was killed.
    """

    jobs: int
    prepare: Callable[..., None]
    arguments: tuple[Any, ...] = ()

    def map(self, function: Callable[[S], R], shards: Iterable[S]) -> Iterator[R]:
        """Memory stays flat: few more shards than processes are on their way."""
        executor = ProcessPoolExecutor(
            self.jobs,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self.prepare, self.arguments),
        )
        with _one_thread_each():  # a spawning pool starts all its processes with the first shard
            yield from _windowed(executor, function, shards, 2 * self.jobs, lambda: None)


THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""What numpy's and PyTorch's libraries read when they are loaded."""


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that start meanwhile inherit it."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _begin(prepare: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """In a worker: Ctrl-C is the parent's to handle, and a parent that is gone is noticed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare(*arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # the pool's own queue would be waited on for ever


def _windowed(
    executor: Executor,
    function: Callable[[S], R],
    shards: Iterable[S],
    window: int,
    stop: Callable[[], None],
) -> Iterator[R]:
    waiting: deque[Future[R]] = deque()
    try:
        for shard in shards:
            waiting.append(executor.submit(function, shard))
            if len(waiting) >= window:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        stop()
        executor.shutdown(wait=True, cancel_futures=True)
