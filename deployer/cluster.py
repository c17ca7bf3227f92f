"""Shards on other machines: a Dask `distributed` cluster behind the `Scheduler` seam. docs/scale.md has the how-to.

The function is pickled once and sent with every shard; a worker's thread unpickles it once, looks whether its
machine has what it needs, and keeps it, engine and all. Results come back here, so whatever is written is written
here, once.
"""

from __future__ import annotations

import hashlib
import pickle
import platform
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from board_runner.errors import UsageError
from deployer import __version__
from deployer.errors import ClusterFailed

S = TypeVar("S")
R = TypeVar("R")

LOOKED_AT = ("numpy", "onnxruntime")
"""Packages whose versions decide results; a worker has those that are installed here."""

AHEAD = 4
"""Shards on their way for each thread of the cluster: one that runs again holds up the results after it."""

KEPT = 2
"""Functions, with their engines, that a worker's thread keeps."""

CONNECT_S = 10.0
WITHOUT_WORKERS_S = 60.0
"""How long a cluster may have no worker before the run gives up."""

_LOOK_S = 2.0
_CANCELLED = futures.CancelledError
"""Of shards whose scheduler is gone: all that distributed raises then are kinds of it."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a worker must have as it is here: `look` at `place` gives `expected`."""

    name: str
    look: Callable[[Path], str]
    place: Path
    expected: str

    def check(self) -> None:
        """Raises ClusterFailed; runs on the worker."""
        try:
            found = self.look(self.place)
        except OSError as e:
            raise ClusterFailed(
                f"worker on {socket.gethostname()}: {self.name}, {self.place}, cannot be read ({e.strerror or e})",
                hint="workers read models, tools and clips under the same paths as here: share the folder",
            ) from e
        if found != self.expected:
            raise ClusterFailed(
                f"worker on {socket.gethostname()}: {self.name}, {self.place}, is another than here",
                hint="share the folder with the workers, or copy it again",
            )


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
        packed = pickle.dumps(_Packed(function=function, needs=tuple(self.needs), versions=versions()))
        token = hashlib.sha256(packed).hexdigest()
        with self._client() as client:
            waiting: deque[Any] = deque()
            watch = _Watch(client, self)
            try:
                for shard in shards:
                    waiting.append(
                        client.submit(_task, token, packed, shard, pure=False, resources=dict(self.resources))
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


def connect(address: str) -> Any:
    """A `distributed.Client`.

    Raises UsageError for what is no address and where distributed is missing, ClusterFailed for nobody there.
    """
    parts = urlsplit(address)
    if parts.scheme not in {"tcp", "tls"} or not parts.hostname or not _port(address):
        raise UsageError(f"--scheduler {address}: no address of a scheduler", hint="give tcp://HOST:PORT")
    try:
        import distributed
    except ImportError as e:
        raise UsageError(
            "--scheduler needs Dask's distributed, which is not installed",
            hint="pip install 'sgs-deploy[cluster]'",
        ) from e
    try:
        return distributed.Client(address, timeout=CONNECT_S, set_as_default=False, name="deploy")
    except (OSError, TimeoutError, RuntimeError, ValueError) as e:
        raise ClusterFailed(
            f"no Dask scheduler answers at {address} ({type(e).__name__})",
            hint="start it there with `dask scheduler`; is the port open, and are its versions like here?",
        ) from e


def check_workers(client: Any, address: str) -> None:
    """Raises ClusterFailed for no worker, and for one that is unlike this process."""
    workers = client.get_versions(packages=list(LOOKED_AT))["workers"]
    if not workers:
        raise ClusterFailed(
            f"the scheduler at {address} has no worker",
            hint=f"start one: `dask worker {address} --nthreads 1`",
        )
    # Not a function of ours: a worker without deploy could not tell that it has none.
    deploys = client.run(eval, "__import__('deployer').__version__", on_error="return")
    here = versions()
    for worker, told in workers.items():
        deploy = deploys.get(worker)
        python = ".".join(str(told["packages"]["python"]).split(".")[:2])
        there = {**told["packages"], "python": python, "deploy": deploy if isinstance(deploy, str) else None}
        _same(here, there, f"worker {worker}")


def versions() -> dict[str, str]:
    """What must be equal on both sides for equal results; packages that are installed."""
    found = {"deploy": __version__, "python": ".".join(platform.python_version_tuple()[:2])}
    for name in LOOKED_AT:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _same(here: Mapping[str, str], there: Mapping[str, str | None], who: str) -> None:
    for name, version in here.items():
        if there.get(name) != version:
            raise ClusterFailed(
                f"{who} has {name} {there.get(name) or 'not at all'}, here it is {version}",
                hint="install the same versions in the workers' environment, and start them again",
            )


def _port(address: str) -> int | None:
    try:
        return urlsplit(address).port
    except ValueError:
        return None


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


@dataclass(frozen=True, kw_only=True)
class _Packed:
    """What is sent with every shard, pickled."""

    function: Callable[[Any], Any]
    needs: tuple[Need, ...]
    versions: Mapping[str, str]


class _Kept(threading.local):
    """A worker thread's own functions, by token: engines are not shared."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable[[Any], Any]] = {}


_kept = _Kept()


def _task(token: str, packed: bytes, shard: Any) -> Any:
    """On a worker. One that joined late is looked at here."""
    function = _kept.functions.pop(token, None)
    if function is None:
        given: _Packed = pickle.loads(packed)
        _same(given.versions, versions(), f"worker on {socket.gethostname()}")
        for need in given.needs:
            need.check()
        function = given.function
    while len(_kept.functions) >= KEPT:
        del _kept.functions[next(iter(_kept.functions))]
    _kept.functions[token] = function
    return function(shard)
