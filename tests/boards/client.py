"""The operator's side of a fault test: every push is a process of its own, as from the command line.

One process imports everything once and forks for each job, so a job costs 20 ms rather than a start of Python; a
job can be killed or interrupted like any process.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from board_runner.errors import DeployError
from deployer.board.config import BoardConfig, as_data
from deployer.board.ssh import SshBoard
from deployer.errors import INTERRUPTED
from deployer.events import Event, Warned
from deployer.push import BoardFile, push
from deployer.release.keeping import collect
from toolchain_wrappers import intake

_REPOSITORY = Path(__file__).parents[2]
_PATIENCE_S = 150.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended. `exit_code` is what `deploy` would have ended with, or minus a signal's number."""

    exit_code: int
    kind: str = ""  # the error's class
    message: str = ""
    hint: str = ""
    sent: int = 0
    stdout: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job under way."""

    client: Client
    pid: int
    result: Path

    def wait(self) -> Outcome:
        """How it ended."""
        status = int(self.client.ask(f"wait {self.pid}"))
        if status < 0 or not self.result.exists():
            return Outcome(exit_code=status)
        value = json.loads(self.result.read_text())
        return Outcome(**(value | {"warnings": tuple(value.get("warnings", ()))}))

    def kill(self) -> None:
        """End it without a word, in mid-work."""
        os.kill(self.pid, signal.SIGKILL)

    def interrupt(self) -> None:
        """What Ctrl-C sends."""
        os.kill(self.pid, signal.SIGINT)


class Client:
    """Where jobs are forked: `client()` makes one."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._count = 0

    def start(
        self,
        config: BoardConfig,
        files: Sequence[BoardFile] = (),
        *,
        run: Sequence[str] = (),
        collect: bool = False,
    ) -> Job:
        """Push `files`, `run` a command, `collect` leftovers, or else ask for facts: in a process of its own."""
        self._count += 1
        spec = self._folder / f"{self._count}.json"
        job = {
            "config": as_data(config),
            "files": [[str(f.source), str(f.name), f.executable] for f in files],
            "run": list(run),
            "collect": collect,
            "environment": {
                n: v for n, v in os.environ.items() if n.startswith(("DEPLOY_", "TEST_", "HOME"))
            },
        }
        spec.write_text(json.dumps(job))
        return Job(client=self, pid=int(self.ask(f"start {spec}")), result=spec.with_suffix(".out"))

    def push(self, config: BoardConfig, files: Sequence[BoardFile]) -> Outcome:
        """One push, to its end."""
        return self.start(config, files).wait()

    def ask(self, line: str) -> str:
        """One order and its answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if not answer:
            raise RuntimeError("the process that starts the jobs is gone")
        return answer


@contextlib.contextmanager
def client(folder: Path, *, netns: str | None = None) -> Iterator[Client]:
    """A client, in that network namespace if one is named."""
    network = ["nsenter", f"--net=/run/netns/{netns}"] if netns else []
    process = subprocess.Popen(
        [*network, sys.executable, "-m", "tests.boards.client"],
        cwd=_REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield Client(process, folder)
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def main() -> None:
    """Obey `start FILE` and `wait PID` until the input ends."""
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "start":
            print(_forked(Path(rest)), flush=True)
        else:
            print(os.waitstatus_to_exitcode(os.waitpid(int(rest), 0)[1]), flush=True)


def _forked(spec: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    faulthandler.dump_traceback_later(_PATIENCE_S, exit=True)  # where it hangs, in the failed test's output
    try:
        os.setsid()
        with Path(os.devnull).open() as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)
        outcome = _outcome(json.loads(spec.read_text()))
        fresh = spec.with_suffix(".part")
        fresh.write_text(json.dumps(outcome))
        fresh.replace(spec.with_suffix(".out"))
        code = outcome["exit_code"]
    except KeyboardInterrupt:  # before there was any work
        code = INTERRUPTED
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _outcome(job: Mapping[str, Any]) -> dict[str, Any]:
    os.environ.update(job["environment"])
    warnings: list[str] = []

    def emit(event: Event) -> None:
        if isinstance(event, Warned):
            warnings.append(event.message)

    try:
        return {"exit_code": 0, **_work(job, emit), "warnings": warnings}
    except DeployError as e:
        said = {"kind": type(e).__name__, "message": str(e), "hint": e.hint}
        return {"exit_code": e.exit_code, **said, "warnings": warnings}
    except KeyboardInterrupt:
        return {"exit_code": INTERRUPTED, "kind": "KeyboardInterrupt", "warnings": warnings}


def _work(job: Mapping[str, Any], emit: Any) -> dict[str, Any]:
    config = intake.record(BoardConfig, job["config"])
    files = [BoardFile(source=Path(s), name=PurePosixPath(n), executable=x) for s, n, x in job["files"]]
    with SshBoard(config, emit=emit) as board:
        if files:
            return {"sent": len(push(board, files, config.directory, emit=emit).sent)}
        if job["collect"]:
            collect(board, emit=emit)
            return {}
        if job["run"]:
            done = board.run(job["run"], timeout_s=20)
            return {"stdout": done.stdout.decode(), "message": done.stderr.decode()}
        return {"stdout": board.facts(config.directory).machine or ""}


if __name__ == "__main__":
    main()
