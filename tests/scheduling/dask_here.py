"""A Dask scheduler and workers as processes of their own, on loopback."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

PLAIN = "import sys; from distributed.cli.{0} import main; sys.exit(main())"

PLAIN_WORKER = ("--no-nanny", "--no-dashboard", "--host", "127.0.0.1")


class Cluster:
    """`scheduler` and `workers` are their processes; all end with `close`."""

    def __init__(self) -> None:
        self.workers: list[subprocess.Popen[str]] = []
        self.scheduler = _start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.address = _read(self.scheduler, r"Scheduler at:\s+(tcp://\S+)")

    def start(self, *each: Sequence[str]) -> list[subprocess.Popen[str]]:
        """A worker of one thread for each list of words, all at once. Waits until they are registered.

        They have no nanny: what is killed stays dead.
        """
        one = ("--nthreads", "1")
        made = [_start("dask_worker", self.address, *PLAIN_WORKER, *one, *words) for words in each]
        self.workers += made
        for process in made:
            _read(process, r"(Registered to)")
        return made

    def start_lab(
        self, folder: Path, boards: Sequence[str], *, threads: int | None = None
    ) -> subprocess.Popen[str]:
        """A worker beside these boards, with a thread for each, in the folder of the lab's deploy.yaml.

        What it remembers lies in `folder`/state.
        """
        (made,) = self.start_labs({folder: boards}, threads=threads)
        return made

    def start_labs(
        self, labs: Mapping[Path, Sequence[str]], *, threads: int | None = None
    ) -> list[subprocess.Popen[str]]:
        """The same for several labs, by their folders, all at once."""
        made = []
        for folder, boards in labs.items():
            declared = " ".join(f"board-{board}=1" for board in boards)
            words = ("--nthreads", str(threads or len(boards)), "--resources", declared)
            started = _start(
                "dask_worker", self.address, *PLAIN_WORKER, *words, cwd=folder, state=folder / "state"
            )
            made.append(started)
        self.workers += made
        for process in made:
            _read(process, r"(Registered to)")
        return made

    def close(self) -> None:
        """Nothing outlives it."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
            if process.stderr is not None:
                with contextlib.suppress(ValueError):
                    process.stderr.close()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _start(
    module: str, *words: str, cwd: Path | None = None, state: Path | None = None
) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    env = os.environ | {
        "PYTHONPATH": f"{root}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",  # two workers are started sooner than four
    }
    if state is not None:
        env["DEPLOY_STATE_DIR"] = str(state)
    argv = [sys.executable, "-c", PLAIN.format(module), *words]
    return subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env=env, cwd=cwd)


def _read(process: subprocess.Popen[str], pattern: str) -> str:
    """What the pattern finds in its log; the rest of the log is drained."""
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        found = re.search(pattern, line)
        if found:
            threading.Thread(target=_drain, args=(process,), daemon=True).start()
            return found[1]
    raise AssertionError(f"it ended: {seen}")


def _drain(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    with contextlib.suppress(ValueError, OSError):
        for _ in process.stderr:
            pass
