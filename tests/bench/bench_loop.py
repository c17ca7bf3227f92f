"""What N runs of a program cost over a slow wire: `python tests/bench/bench_loop.py [RUNS] [DELAY_MS]`.

Real servers on loopback behind a relay that delays each way; the program sleeps for 50 ms. Held against the limit
1.1 N t + 1 s, where t is what the program takes here when it is started by itself, in the same minute.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path, PurePosixPath

from deployer.bench import bench
from deployer.board.ssh import SshBoard
from deployer.events import ignore
from deployer.run import Program
from tests.boards.servers import PASSWORD, PASSWORD_VARIABLE, REAL_KINDS, kind_missing, real
from tests.boards.wire import Wire

FOLDER = PurePosixPath("/customer/deploy/current")
KINDS = ("dropbear", "openssh-password")
PROGRAM = """#!/bin/sh
sleep 0.05
echo "inputs: $2"; echo "model path: $4"; echo "threshold: 0.5"; echo "the input image: ./$2"
echo "model invoke time: 45.0 ms"; echo "post process time: 0.2 ms"; echo "class id: 32"
"""


def main(runs: int = 100, delay_ms: float = 20.0) -> None:
    """Print a row a server."""
    os.environ[PASSWORD_VARIABLE] = PASSWORD
    print(f"{runs} runs, {delay_ms:g} ms of delay each way")
    print(
        f"{'server':20}{'t, ms':>8}{'connect, s':>12}{'bench, s':>10}{'limit, s':>10}{'a run more, ms':>16}"
    )
    for kind in KINDS:
        if reason := kind_missing(REAL_KINDS[kind]):
            print(f"{kind:20}{reason}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.environ["DEPLOY_STATE_DIR"] = f"{folder}/state"
            row(kind, Path(folder), runs, delay_ms)


def row(kind: str, folder: Path, runs: int, delay_ms: float) -> None:
    """One server: connect, then all runs over the one connection."""
    with real(folder, REAL_KINDS[kind]) as place:
        program = place.seen(FOLDER / "prog_sed_eat")
        program.parent.mkdir(parents=True)
        program.write_text(PROGRAM)
        program.chmod(0o755)
        alone_s = statistics.median(_alone_s(program) for _ in range(21))
        with Wire(place.config.host, place.config.port) as wire:
            wire.delay_s = delay_ms / 1000
            began = time.monotonic()
            through = place.config.replace(host=wire.host, own_port=wire.port)
            with SshBoard(through) as board:
                connected = time.monotonic()
                done = bench(board, Program(directory=FOLDER), ["a.wav"], runs=runs, emit=ignore)
                ended = time.monotonic()
        if done.cut_short is not None or done.failures:
            raise SystemExit(f"{kind}: {done.cut_short or done.failures[0]}")
        took_s, limit_s = ended - connected, 1.1 * runs * alone_s + 1
        more_ms = 1000 * (took_s / runs - alone_s)
        print(f"{kind:20}{1000 * alone_s:8.1f}{connected - began:12.2f}{took_s:10.2f}", end="")
        print(f"{limit_s:10.2f}{more_ms:16.2f}")


def _alone_s(program: Path) -> float:
    began = time.monotonic()
    words = [str(program), "-i", "a.wav", "-m", "models/eat.img"]
    subprocess.run(words, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


if __name__ == "__main__":
    main(*(kind(word) for kind, word in zip((int, float), sys.argv[1:], strict=False)))
