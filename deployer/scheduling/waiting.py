"""One board's task under way: its progress told here, its lost workers, its end, and Ctrl-C."""

from __future__ import annotations

import time
from concurrent import futures
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from deployer import interrupts
from deployer.errors import ClusterFailed
from deployer.events import Emit, Event, Warned
from deployer.scheduling.order import RESOURCE, Begun, Done, Lacking, Order

STEP = "cluster"

_TICK_S = 0.5
_GRACE_S = 12.0
"""After Ctrl-C: how long a board may take to stop what runs there; the fleet's own patience is a little longer."""


@dataclass(frozen=True)
class Ended:
    """Notice that the task has an end, whatever it is."""


ENDED = Ended()


class Cluster(Protocol):
    """What is asked of the cluster meanwhile."""

    address: str
    without_worker_s: float

    def has_worker(self, board: str) -> bool: ...

    def interrupt(self, worker: str, order_id: str) -> None: ...


@dataclass(kw_only=True)
class Waiting:
    """In the thread that wants the result. `lost` grows by each worker that went away in the middle."""

    cluster: Cluster
    given: Order
    future: Any
    said: SimpleQueue[Event | Begun | Ended]
    lost: list[str]
    emit: Emit
    begun: Begun | None = None
    last_worker_s: float = field(default_factory=time.monotonic)

    def result(self) -> Done | Lacking:
        """Raises ClusterFailed for what happened to the cluster, KeyboardInterrupt, and a bug as it was raised."""
        with interrupts.deferred():
            try:
                while not self._heard():
                    interrupts.check()
            except KeyboardInterrupt:
                self._stop()
        return self._given_back()

    def _heard(self) -> bool:
        """Take one thing that was said; whether it was the last."""
        try:
            said = self.said.get(timeout=_TICK_S)
        except Empty:
            self._look()
            return False
        if isinstance(said, Ended):
            return True
        if isinstance(said, Begun):
            self._begin(said)
        else:
            self.emit(said)
        return False

    def _begin(self, begun: Begun) -> None:
        if self.begun is not None:
            self.lost.append(self.begun.worker)
            message = f"its worker {self.begun.worker} was lost in the middle; begun again by {begun.worker}"
            self.emit(Warned(step=STEP, message=message))
        self.begun = begun

    def _look(self) -> None:
        if self.cluster.has_worker(self.given.board):
            self.last_worker_s = time.monotonic()
            return
        if time.monotonic() - self.last_worker_s > self.cluster.without_worker_s:
            self.future.cancel(force=True)
            what = "was lost in the middle" if self.begun is not None else "went away"
            raise ClusterFailed(
                f"{self.given.board}: its worker {what}, and none with {RESOURCE}{self.given.board} came"
                f" in {self.cluster.without_worker_s:.0f} s",
                hint="start the worker beside the board again, then the command with --retry-failed",
            )

    def _stop(self) -> None:
        """End it at the board, and wait a while for what it has. Raises KeyboardInterrupt where nothing came."""
        until = time.monotonic() + _GRACE_S
        if self.begun is not None:
            self.cluster.interrupt(self.begun.worker, self.given.id)
            while time.monotonic() < until:
                if self._heard():
                    return
        self.future.cancel(force=True)
        raise KeyboardInterrupt

    def _given_back(self) -> Done | Lacking:
        import distributed

        try:
            given: Done | Lacking = self.future.result()
        except distributed.scheduler.KilledWorker as e:
            raise ClusterFailed(
                f"{self.given.board}: its task was lost with its worker again and again,"
                f" last on {e.last_worker.address}",
                hint="see that worker's log: out of memory (`--memory-limit`), or a machine that goes to sleep",
            ) from e
        except futures.CancelledError as e:
            raise ClusterFailed(
                f"the scheduler at {self.cluster.address} went away",
                hint="start it and its workers, then run the command again with --retry-failed",
            ) from e
        return given
