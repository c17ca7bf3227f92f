"""Where the shards of a large piece of work run: here, in threads, in processes; on other machines later."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
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
    """`jobs` shards at once, for work that other programs do."""

    jobs: int

    def map(self, function: Callable[[S], R], shards: Iterable[S]) -> Iterator[R]:
        """No more than `jobs` shards are begun before a result is taken."""
        return _windowed(ThreadPoolExecutor(self.jobs), function, shards, self.jobs)


@dataclass(frozen=True, kw_only=True)
class Processes:
    """`jobs` processes, each of which calls `prepare(*arguments)` once; all of it must pickle."""

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
        return _windowed(executor, function, shards, 2 * self.jobs)


def _begin(prepare: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """In a worker: Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare(*arguments)


def _windowed(
    executor: Executor, function: Callable[[S], R], shards: Iterable[S], window: int
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
        executor.shutdown(wait=True, cancel_futures=True)
