"""A board's task: as it is sent, and what a worker beside that board does with it."""

from __future__ import annotations

import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from board_runner.errors import DeployError
from deployer import interrupts
from deployer.board.config import BoardConfig
from deployer.errors import ConfigError
from deployer.events import Event, Logged
from deployer.fleet.runner import throttled
from deployer.history.entry import Kept
from deployer.push import BoardFile
from deployer.scheduling import contents
from deployer.scheduling.carried import Carried, Travelled
from deployer.scheduling.connection import same, versions
from deployer.settings import config as settings_config

RESOURCE = "board-"
"""A worker that has the board `desk` declares the resource `board-desk`, of which a task takes 1."""

REREAD_S = 10.0
"""A change of a lab's deploy.yaml is known after so long: to read a thousand boards takes tenths of a second."""

Work: TypeAlias = Callable[[Travelled, BoardConfig, list[BoardFile], Callable[[Event], None]], Any]
"""What is done beside the board: the project, the worker's own settings of the board, the files, its progress."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One piece of work for one board. Progress goes to `topic`, a step of a bar each `every_s` at most."""

    id: str
    board: str
    work: Work
    carried: Carried
    contents: tuple[str, ...]
    topic: str
    every_s: float
    talkative: bool
    versions: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A worker has begun an order; a second time where the first worker was lost."""

    worker: str


@dataclass(frozen=True, kw_only=True)
class Lacking:
    """The worker has not begun: these contents are not on its machine."""

    worker: str
    contents: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Done:
    """How it went beside the board: a value or an error, and the records to be kept."""

    value: Any = None
    error: DeployError | None = None
    interrupted: bool = False
    records: tuple[Kept, ...] = ()


def run(order: Order) -> Done | Lacking:
    """On the worker, in a thread of its own. Raises ClusterFailed for one of other versions."""
    import distributed

    worker = distributed.get_worker()
    same(order.versions, versions(), f"worker {worker.address}")
    missing = contents.lacking(order.contents)
    if missing:
        return Lacking(worker=worker.address, contents=missing)

    def tell(said: Event | Begun) -> None:
        if order.talkative or not isinstance(said, Logged):
            worker.log_event(order.topic, (order.id, pickle.dumps(said)))

    tell(Begun(worker=worker.address))
    with order.carried.unpacked() as project:
        value: Any = None
        error: DeployError | None = None
        interrupted = False
        try:
            with _interruptible(order.id):
                files = [file.here for file in order.carried.files]
                value = order.work(
                    project, own_board(order.board), files, throttled(tell, every_s=order.every_s)
                )
        except DeployError as e:
            error = e
        except KeyboardInterrupt:
            interrupted = True
        return Done(value=value, error=error, interrupted=interrupted, records=tuple(project.kept.records))


def own_board(name: str) -> BoardConfig:
    """The board as this machine's deploy.yaml has it. Raises ConfigError."""
    deployment = _lab.deployment()
    found = deployment.boards.get(name)
    host = socket.gethostname()
    if found is None:
        raise ConfigError(
            f"the worker on {host} has no board {name!r} in {deployment.path or Path.cwd() / 'deploy.yaml'}",
            hint="start it in the folder of its lab's deploy.yaml, and write the board there",
        )
    if found.password_prompt:
        raise ConfigError(
            f"board {name}: `password_prompt:` asks at a terminal, and a worker has none",
            hint=f"set `password_env:`, `password_keyring:` or `key:` in the deploy.yaml on {host}",
        )
    return found


class _Lab:
    """The deploy.yaml that the worker was started beside: read again after a while, by one of its threads."""

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self._read: tuple[float, Path, settings_config.Deployment] | None = None

    def deployment(self) -> settings_config.Deployment:
        """Raises ConfigError."""
        with self._reading:
            now_s, folder = time.monotonic(), Path.cwd()
            if self._read is None or now_s - self._read[0] > REREAD_S or self._read[1] != folder:
                self._read = (now_s, folder, settings_config.load(None))
            return self._read[2]


_lab = _Lab()


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A board as its worker knows it; the address is empty where its deploy.yaml does not have it."""

    name: str
    address: str


def declared(dask_worker: Any) -> list[Declared]:
    """On a worker, in its event loop: the boards it was started with. Dask fills in the argument by its name."""
    names = [
        name.removeprefix(RESOURCE)
        for name, count in dask_worker.state.total_resources.items()
        if name.startswith(RESOURCE) and count >= 1
    ]
    known = _lab.deployment().boards if names else {}
    return [Declared(name=name, address=known[name].address if name in known else "") for name in names]


_running: dict[str, threading.Thread] = {}
_changing = threading.Lock()


def interrupt(order_id: str) -> None:
    """On a worker, in its event loop: the task ends at its board as it would by Ctrl-C there."""
    with _changing:
        thread = _running.get(order_id)
        if thread is not None:  # while it is noted here the interrupt only waits for a harmless point
            interrupts.interrupt(thread)


@contextmanager
def _interruptible(order_id: str) -> Iterator[None]:
    with interrupts.deferred():
        with _changing:
            _running[order_id] = threading.current_thread()
        try:
            yield
        finally:
            with _changing:
                del _running[order_id]
