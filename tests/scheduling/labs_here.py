"""Two labs of simulated boards: each has a folder with its own deploy.yaml, and a worker that was started in it."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer import cli
from tests.boards.servers import Place
from tests.fleet.rack import SCRIPT, project, rack
from tests.scheduling.dask_here import Cluster

NAPS = "0.1517"
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
            cluster.start_lab(lab.folder, lab.names)
            labs.append(lab)
        yield Labs(cluster=cluster, first=labs[0], second=labs[1])


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


def restart(labs: Labs, lab: Lab, killed: subprocess.Popen[str]) -> subprocess.Popen[str]:
    """Kill a worker as a power cut does, and start another one beside the same boards."""
    killed.kill()
    killed.wait()
    return labs.cluster.start_lab(lab.folder, lab.names)
