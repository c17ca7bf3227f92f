"""Boards beside the workers of a Dask cluster, as one fleet: who has which, and one board's task after the other.

A board is a resource of the worker beside it, so it has one task at a time, whoever sends it. What travels is in
carried.py and contents.py; docs/scale.md has the how-to.
"""

from __future__ import annotations

import contextlib
import pickle
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from board_runner.errors import DeployError
from deployer.errors import ClusterFailed
from deployer.events import Emit, Event
from deployer.history.entry import Kept
from deployer.scheduling import contents, order
from deployer.scheduling.carried import Cargo
from deployer.scheduling.cluster import WITHOUT_WORKERS_S
from deployer.scheduling.connection import check_workers, connect, versions
from deployer.scheduling.order import RESOURCE, Begun, Declared, Done, Lacking, Order, Work
from deployer.scheduling.waiting import ENDED, Ended, Waiting

AT_ONCE = 1000
"""Boards at once unless told: a thread here waits for each."""

EVENTS_A_SECOND = 200
"""Steps of bars that all boards together may tell: each passes through the scheduler."""

_LEAST_S = 0.5
_GONE = (OSError, RuntimeError, ValueError, KeyError)
"""What distributed raises where a worker, or the scheduler, is not there to be asked."""

_LOOK_S = 2.0
_SENDS = 5
"""A task that still lacks contents after so many sendings is given up."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a board's task gave. `lost` are the workers that went away in the middle, before it was done."""

    value: Any
    error: DeployError | None = None
    records: tuple[Kept, ...] = ()
    lost: tuple[str, ...] = ()

    def require(self) -> Any:
        """The value; raises the board's error."""
        if self.error is not None:
            raise self.error
        return self.value


class Labs:
    """A context manager. Threads may ask for different boards at once; all of them share one connection."""

    def __init__(
        self,
        address: str,
        *,
        talkative: bool = False,
        without_worker_s: float = WITHOUT_WORKERS_S,
    ) -> None:
        self.address = address
        self.without_worker_s = without_worker_s
        self._every_s = _LEAST_S
        self._talkative = talkative
        self._topic = f"deploy-{secrets.token_hex(8)}"
        self._said: dict[str, SimpleQueue[Event | Begun | Ended]] = {}
        self._workers = _Workers()
        self._sending: dict[str, threading.Lock] = {}
        self._changing = threading.Lock()

    def __enter__(self) -> Labs:
        """Raises UsageError and ClusterFailed: nobody there, no worker, other versions."""
        self._client = connect(self.address)
        try:
            check_workers(self._client, self.address)
            self._workers.look(self._client)
            self._client.subscribe_topic(self._topic, self._hear)
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    def expect(self, at_once: int) -> None:
        """So many boards will tell of themselves at once: the more there are, the more seldom does each."""
        self._every_s = max(_LEAST_S, at_once / EVENTS_A_SECOND)

    @property
    def boards(self) -> Mapping[str, Declared]:
        """The boards that workers have now, by name."""
        return self._workers.boards()

    def require(self, names: Iterable[str]) -> None:
        """Raises ClusterFailed, with what the workers have, for a board without a worker or unknown to it."""
        known = self.boards
        missing = [name for name in names if name not in known]
        if missing:
            command = f'dask worker {self.address} --resources "{RESOURCE}{missing[0]}=1"'
            raise ClusterFailed(
                f"no worker at {self.address} has {_listed(missing)}; there are: {self._workers.in_words()}",
                hint=f"start it beside the board: `{command}`",
            )
        strange = [name for name in names if not known[name].address]
        if strange:
            raise ClusterFailed(
                f"the worker that declares {_listed(strange)} has no such board in its deploy.yaml",
                hint="start it in the folder of its lab's deploy.yaml",
            )

    def ask(
        self, board: str, work: Work, cargo: Cargo, *, extra: Mapping[str, Path] | None = None, emit: Emit
    ) -> Answer:
        """Do `work` beside the board and wait for it; `extra` are contents beyond the release's: hash, file.

        A worker that is lost meanwhile is a warning, and the work is begun again by the next that has the board.
        Ctrl-C ends the work at the board first. Raises ClusterFailed, KeyboardInterrupt.
        """
        sources = {**cargo.sources, **(extra or {})}
        lost: list[str] = []
        for _ in range(_SENDS):
            given = Order(
                id=f"{board}-{secrets.token_hex(6)}",
                board=board,
                work=work,
                carried=cargo.carried,
                contents=tuple(sources),
                topic=self._topic,
                every_s=self._every_s,
                talkative=self._talkative,
                versions=versions(),
            )
            got = self._wait(given, lost, emit)
            if isinstance(got, Done):
                if got.interrupted and got.value is None:
                    raise KeyboardInterrupt
                return Answer(value=got.value, error=got.error, records=got.records, lost=tuple(lost))
            self._send(got, sources)
        raise ClusterFailed(
            f"{board}: what was sent to its worker was gone {_SENDS} times", hint="is its disk full?"
        )

    def _wait(self, given: Order, lost: list[str], emit: Emit) -> Done | Lacking:
        said = self._said[given.id] = SimpleQueue()
        try:
            future = self._client.submit(
                order.run,
                given,
                key=f"deploy-{given.id}",
                pure=False,
                resources={f"{RESOURCE}{given.board}": 1},
            )
            future.add_done_callback(lambda _: said.put(ENDED))
            return Waiting(cluster=self, given=given, future=future, said=said, lost=lost, emit=emit).result()
        finally:
            del self._said[given.id]

    def has_worker(self, board: str) -> bool:
        """Whether a worker has the board; asked of the scheduler every two seconds, however many threads ask."""
        self._workers.look(self._client)
        return board in self._workers.boards()

    def interrupt(self, worker: str, order_id: str) -> None:
        """Tell a worker to end a task at its board; one that is gone needs no telling."""
        with contextlib.suppress(*_GONE):
            self._client.run(order.interrupt, order_id, workers=[worker])

    def _hear(self, event: tuple[float, tuple[str, bytes]]) -> None:
        """In the connection's own thread."""
        order_id, packed = event[1]
        said = self._said.get(order_id)
        if said is not None:
            said.put(pickle.loads(packed))

    def _send(self, wanted: Lacking, sources: Mapping[str, Path]) -> None:
        """To one worker by one thread at a time: boards of one lab lack the same."""
        with self._changing:
            lock = self._sending.setdefault(wanted.worker, threading.Lock())
        with lock:
            try:
                for sha256 in self._on(wanted.worker, contents.lacking, wanted.contents):
                    first, sender = True, secrets.token_hex(4)
                    for piece, last in contents.parts(sources[sha256]):
                        self._on(
                            wanted.worker, contents.take, sha256, piece, sender=sender, first=first, last=last
                        )
                        first = False
            except _GONE:
                return  # the worker has gone: another one is asked, and may lack the same

    def _on(self, worker: str, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return self._client.run(function, *args, workers=[worker], **named)[worker]


@dataclass
class _Workers:
    """Which worker has which boards, as far as it was looked."""

    known: dict[str, list[Declared]] = field(default_factory=dict)
    looked_s: float = -_LOOK_S
    looking: threading.Lock = field(default_factory=threading.Lock)

    def boards(self) -> dict[str, Declared]:
        return {one.name: one for some in list(self.known.values()) for one in some}

    def look(self, client: Any) -> None:
        """Not more often than every two seconds, and by one thread."""
        if time.monotonic() - self.looked_s < _LOOK_S or not self.looking.acquire(blocking=False):
            return
        try:
            there = set(client.nthreads())
            new = sorted(there - self.known.keys())
            found = client.run(order.declared, workers=new, on_error="ignore") if new else {}
            self.known = {worker: some for worker, some in {**self.known, **found}.items() if worker in there}
        except _GONE:
            pass  # a scheduler that is away: its tasks tell
        finally:
            self.looked_s = time.monotonic()
            self.looking.release()

    def in_words(self) -> str:
        """Each worker and its boards."""
        told = [
            f"{worker}: {' '.join(f'{RESOURCE}{one.name}' for one in some) or 'no board'}"
            for worker, some in sorted(self.known.items())
        ]
        return "; ".join(told) or "no workers"


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return (
        f"the boards {shown}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"
        if names[1:]
        else f"the board {shown}"
    )
