"""Where the shards of a large piece of work run: in this process now, on other machines later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

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
