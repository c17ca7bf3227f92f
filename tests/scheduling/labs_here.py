"""Two labs of simulated boards: each has a folder with its own deploy.yaml, and a worker that was started in it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer import cli
from tests.boards.servers import Place
from tests.fleet.rack import SCRIPT, project, rack
from tests.scheduling.dask_here import Cluster

NAPS = f"0.15{os.getpid()}"
"""Seconds that the board program sleeps, and how its sleep is told from others."""


@dataclass(frozen=True, kw_only=True)
class Lab:
    """A folder and the boards beside it."""

    folder: Path
    places: Sequence[Place]

    @property
    def names(self) -> list[str]:
        """Its boards."""
        return [place.config.name for place in self.places]

    @property
    def contents(self) -> dict[str, int]:
        """The files by content that its worker keeps, with their inodes: another one was written anew."""
        return {path.name: path.stat().st_ino for path in (self.folder / "state" / "contents").iterdir()}


@dataclass(frozen=True, kw_only=True)
class Labs:
    """A scheduler, and a lab of two boards beside each of two workers."""

    cluster: Cluster
    first: Lab
    second: Lab
    workers: dict[Path, subprocess.Popen[str]]

    @property
    def places(self) -> list[Place]:
        """All boards, by name."""
        return [*self.first.places, *self.second.places]


@contextlib.contextmanager
def two_labs(home: Path) -> Iterator[Labs]:
    """Workers are started for both."""
    with rack(4) as places, Cluster() as cluster:
        labs = []
        for name, some in (("first", places[:2]), ("second", places[2:])):
            lab = Lab(folder=home / name, places=some)
            lab.folder.mkdir()
            project(lab.folder, [place.config for place in some])
            (lab.folder / "eat.img").unlink()  # what a worker runs is sent to it
            labs.append(lab)
        started = cluster.start_labs({lab.folder: lab.names for lab in labs})
        workers = {lab.folder: process for lab, process in zip(labs, started, strict=True)}
        yield Labs(cluster=cluster, first=labs[0], second=labs[1], workers=workers)


def client(home: Path, **settings: Any) -> Path:
    """The folder of a project that knows no board, and whose board program naps."""
    home.mkdir()
    project(home, [], **settings)
    (home / "prog.sh").write_text(SCRIPT.replace("echo", f"sleep {NAPS}\necho", 1))
    return home


def deploy(labs: Labs, capsys: Any, *words: str) -> tuple[int, Any, str]:
    """A command through the cluster: its exit code, its JSON, and what it said on stderr."""
    capsys.readouterr()
    code = cli.execute([*words, "--scheduler", labs.cluster.address, "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else None, said.err


def kill(labs: Labs, lab: Lab) -> None:
    """A lab's worker goes as in a power cut; its boards stay."""
    labs.workers[lab.folder].kill()
    labs.workers[lab.folder].wait()


def restart(labs: Labs, lab: Lab) -> None:
    """Another worker in place of one that is killed."""
    kill(labs, lab)
    labs.workers[lab.folder] = labs.cluster.start_lab(lab.folder, lab.names)


@contextlib.contextmanager
def meanwhile(when: Callable[[], bool], then: Callable[[], object]) -> Iterator[list[object]]:
    """`then` is done once, in another thread, when it is time; gives what came of it."""
    done: list[object] = []
    over = threading.Event()

    def wait() -> None:
        while not over.is_set():
            if when():
                done.append(then())
                return
            over.wait(0.005)

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()
