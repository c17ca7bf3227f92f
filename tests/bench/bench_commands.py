"""A hundred commands over one connection: `SshBoard` beside `ssh` with ControlMaster and one `sh -s`.

    python tests/bench/bench_commands.py [--pairs 9] [--commands 100]

Each way is a process started anew, on one real sshd, in turn; medians in seconds, ours to each peer's ratio, and
the CPU time of the client side (without the `ssh` that ControlMaster leaves behind).
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

OURS = """
import sys
from pathlib import Path
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
port, user, key, count = sys.argv[1:]
board = BoardConfig(name="bench", host="127.0.0.1", own_port=int(port), own_user=user, key=Path(key))
with SshBoard(board) as connection:
    for _ in range(int(count)):
        done = connection.run(["true"], timeout_s=10)
        assert done.exit_status == 0
"""


def main() -> None:
    """Start a server, time the ways in turn, print the medians."""
    from tests.boards.servers import openssh

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--commands", type=int, default=100)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with openssh(folder, sftp=True) as place:
            config = place.config
            words = [str(config.port), config.user, str(folder / "client"), str(asked.commands)]
            client = Peer(folder, config.port, config.user, asked.commands)
            ways: dict[str, Callable[[], None]] = {
                "ours": lambda: _run([sys.executable, "-c", OURS, *words], folder),
                "ControlMaster": client.control_master,
                "one sh -s": client.one_shell,
            }
            took: dict[str, list[float]] = {name: [] for name in ways}
            cpu: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(asked.pairs):
                for name, way in ways.items():
                    before_s, started = _client_cpu_s(), time.perf_counter()
                    way()
                    took[name].append(time.perf_counter() - started)
                    cpu[name].append(_client_cpu_s() - before_s)
    medians = {name: statistics.median(seconds) for name, seconds in took.items()}
    for name, median in medians.items():
        low, high = min(took[name]), max(took[name])
        ratio, used = medians["ours"] / median, statistics.median(cpu[name])
        print(
            f"{name:14} {median:6.3f} s  {low:.3f} to {high:.3f}  ours/this {ratio:.2f}  client CPU {used:.2f} s"
        )
    print("load average", " ".join(f"{load:.1f}" for load in os.getloadavg()))


class Peer:
    """The `ssh` program, two ways."""

    def __init__(self, folder: Path, port: int, user: str, commands: int) -> None:
        self._folder = folder
        self._commands = commands
        known = ["-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={folder}/known"]
        self._options = [
            "-F",
            "none",
            "-o",
            "LogLevel=ERROR",
            "-i",
            f"{folder}/client",
            "-p",
            str(port),
            *known,
        ]
        self._where = f"{user}@127.0.0.1"

    def control_master(self) -> None:
        """One connection, a program a command."""
        socket = str(self._folder / "master")
        _run(["ssh", *self._options, "-M", "-S", socket, "-f", "-N", self._where], self._folder)
        for _ in range(self._commands):
            _run(["ssh", "-F", "none", "-S", socket, self._where, "exec true"], self._folder)
        _run(["ssh", "-F", "none", "-S", socket, "-O", "exit", self._where], self._folder)

    def one_shell(self) -> None:
        """All commands as the input of one shell: no status of each, no streams apart, no deadline."""
        script = b"/bin/true\n" * self._commands
        subprocess.run(["ssh", *self._options, self._where, "sh -s"], input=script, check=True)


def _client_cpu_s() -> float:
    """CPU time of all programs that have ended; the server has not, nor was it waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(argv: list[str], folder: Path) -> None:
    env = {**os.environ, "DEPLOY_STATE_DIR": str(folder / "state"), "HOME": str(folder)}
    subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
