"""A project whose bench takes as long as a test wants, in a process of its own against a simulated board."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TypeVar

import pytest

from deployer.under_way.reading import read
from deployer.under_way.record import Standing
from tests.boards.conftest import _own_state  # noqa: F401 - every test here has a state directory of its own
from tests.boards.servers import simulated

T = TypeVar("T")

ROOT = Path(__file__).parents[2]

PROGRAM = r"""#!/bin/sh
while [ ! -e /customer/go ]; do sleep 0.1; [ -e /customer/step ] && break; done
case $2 in b*) [ -e /customer/ill ] && exit 3 ;; esac
echo "inputs: $2"
echo "model path: $4"
echo "threshold: 0.5"
echo "the input image: ./$2"
echo "model invoke time: 7.5 ms"
echo "post process time: 0.25 ms"
echo "class id: 32"
"""
"""Waits for `go`; with `step` it goes on at ten runs a second. With `ill` the clip b gives no result."""


class Running:
    """A `deploy` command in a process of its own."""

    def __init__(self, *words: str, cwd: Path, stdout: int | IO[bytes] = subprocess.DEVNULL) -> None:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deployer", *words],
            cwd=cwd,
            env=env,
            stdout=stdout,
            stderr=subprocess.PIPE,
        )

    def end(self, number: int = signal.SIGINT) -> int:
        """Its exit code after the signal."""
        self.process.send_signal(number)
        return self.process.wait(60)


class Lab:
    """A project with two clips whose model needs no conversion, and a board called desk."""

    def __init__(self, root: Path, customer: Path) -> None:
        self.root, self.customer = root, customer
        self.state_dir = root / ".deploy"
        self.started: list[Running] = []

    def start(self, *words: str, stdout: int | IO[bytes] = subprocess.DEVNULL) -> Running:
        """A command that ends with the test at the latest."""
        running = Running(*words, cwd=self.root, stdout=stdout)
        self.started.append(running)
        return running

    def flag(self, name: str) -> None:
        """See PROGRAM."""
        (self.customer / name).touch()

    def told(self, fits: Callable[[Standing], bool] = lambda standing: True) -> Standing:
        """The command under way, as soon as it fits."""
        return until(lambda: next((each for each in read(self.state_dir) if fits(each)), None))


def until(ask: Callable[[], T | None]) -> T:
    """What `ask` gives, as soon as it gives anything."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = ask()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it never came")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """The project is the working folder."""
    import numpy as np
    import soundfile

    root = tmp_path / "project"
    (root / "clips").mkdir(parents=True)
    monkeypatch.chdir(root)
    for name in ("a", "b"):
        soundfile.write(root / f"clips/{name}.wav", np.zeros(22050, np.float32), 22050, subtype="PCM_16")
    (root / "eat.img").write_bytes(b"an image")
    with simulated() as place:
        customer = place.root / "customer"
        (root / "prog.sh").write_text(PROGRAM.replace("/customer", str(customer)))
        board = {"host": place.config.host, "port": place.config.port, "key": str(place.config.key)}
        settings = {
            "model": {"image": "eat.img"},
            "program": "prog.sh",
            "audio": {"clips": "clips"},
            "boards": {"desk": board},
        }
        (root / "deploy.yaml").write_text(json.dumps(settings))
        lab = Lab(root, customer)
        try:
            yield lab
        finally:
            for running in lab.started:
                with contextlib.suppress(ProcessLookupError):
                    running.process.kill()
                running.process.wait(30)
                if running.process.stderr is not None:
                    running.process.stderr.close()
