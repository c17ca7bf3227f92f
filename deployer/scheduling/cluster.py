"""Shards on other machines: a Dask `distributed` cluster behind the `Scheduler` seam. docs/scale.md has the how-to.

The function is pickled once and sent with every shard; a worker's thread unpickles it once, looks whether its
machine has what it needs, and keeps it, engine and all. Results come back here, so whatever is written is written
here, once.
"""

from __future__ import annotations

import hashlib
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from deployer.errors import ClusterFailed
from deployer.scheduling.connection import check_workers, connect, versions
from deployer.scheduling.shard import Need, Packed, run

S = TypeVar("S")
R = TypeVar("R")

AHEAD = 4
"""Shards on their way for each thread of the cluster: one that runs again holds up the results after it."""

WITHOUT_WORKERS_S = 60.0
"""How long a cluster may have no worker before the run gives up."""

_LOOK_S = 2.0
_CANCELLED = futures.CancelledError
"""Of shards whose scheduler is gone: all that distributed raises then are kinds of it."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The workers of the Dask scheduler at `address` (tcp://HOST:PORT or tls://HOST:PORT).

    `resources` are what a shard takes of a worker while it runs: of `board-desk=1` there is one where the worker
    was started with it, so a board has one shard at a time. Functions, shards and results must pickle.
    """

    address: str
    needs: Sequence[Need] = ()
    resources: Mapping[str, float] = field(default_factory=dict)
    without_workers_s: float = WITHOUT_WORKERS_S

    def check(self) -> None:
        """Whether the cluster is there, and fits. Raises UsageError and ClusterFailed with the cure."""
        with self._client():
            pass

    def map(self, function: Callable[[S], R], shards: Iterable[S]) -> Iterator[R]:
        """Results in the order of the shards, each once. Ends in cancelling what was not yet begun.

        A shard whose worker is lost runs again on another, three times at most (Dask's
        `distributed.scheduler.allowed-failures`). Raises what the function raises, and ClusterFailed.
        """
        packed = pickle.dumps(Packed(function=function, needs=tuple(self.needs), versions=versions()))
        token = hashlib.sha256(packed).hexdigest()
        with self._client() as client:
            waiting: deque[Any] = deque()
            watch = _Watch(client, self)
            try:
                for shard in shards:
                    waiting.append(
                        client.submit(run, token, packed, shard, pure=False, resources=dict(self.resources))
                    )
                    if len(waiting) >= watch.window:
                        yield watch.result(waiting.popleft())
                while waiting:
                    yield watch.result(waiting.popleft())
            finally:
                client.cancel(list(waiting), force=True)

    @contextmanager
    def _client(self) -> Iterator[Any]:
        """Connected, and looked at: there is a worker, and all are like this process."""
        client = connect(self.address)
        try:
            check_workers(client, self.address)
            yield client
        finally:
            client.close()


class _Watch:
    """Waits for results, and sees meanwhile how many threads the cluster has."""

    def __init__(self, client: Any, cluster: Cluster) -> None:
        self._client, self._cluster = client, cluster
        self._looked_s = self._last_worker_s = time.monotonic()
        self.window = AHEAD
        self._look()

    def result(self, future: Any) -> Any:
        """What the shard gave or raised. Raises ClusterFailed for what happened to the cluster."""
        import distributed

        while not self._done(future):
            pass
        if time.monotonic() - self._looked_s > _LOOK_S:
            self._look()
        try:
            return future.result()
        except distributed.scheduler.KilledWorker as e:
            raise ClusterFailed(
                f"a shard was lost with its worker again and again, last on {e.last_worker.address}",
                hint="see that worker's log: out of memory (`--memory-limit`), or a program that crashes",
            ) from e
        except _CANCELLED as e:
            raise self._lost() from e

    def _done(self, future: Any) -> bool:
        import distributed

        if future.done():  # known here, asks nobody
            return True
        try:
            with self._client.as_current():
                distributed.wait(future, timeout=_LOOK_S)
        except TimeoutError:
            self._look()
            if time.monotonic() - self._last_worker_s > self._cluster.without_workers_s:
                raise ClusterFailed(
                    f"the cluster at {self._cluster.address} has had no worker"
                    f" for {self._cluster.without_workers_s:.0f} s",
                    hint="start workers and run it again: it goes on where it was",
                ) from None
            return False
        except _CANCELLED as e:
            raise self._lost() from e
        return True

    def _look(self) -> None:
        """Workers come and go."""
        try:
            threads = sum(self._client.nthreads().values())
        except (OSError, RuntimeError) as e:
            raise self._lost() from e
        self._looked_s = time.monotonic()
        if threads:
            self._last_worker_s = self._looked_s
        self.window = AHEAD * max(1, threads)

    def _lost(self) -> ClusterFailed:
        return ClusterFailed(
            f"the scheduler at {self._cluster.address} went away",
            hint="start it and its workers, then run the command again: it goes on where it was",
        )
