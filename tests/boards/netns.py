"""Two network namespaces, a client and a board at 192.168.1.10, from which no packet can leave.

The veth pair between them is all the network there is: no bridge, no route, no address of this machine.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

BOARD_ADDRESS = "192.168.1.10"
CLIENT_ADDRESS = "192.168.1.2"


@dataclass(frozen=True, kw_only=True)
class Network:
    """The names of the two namespaces."""

    client: str
    board: str

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside the client's namespace; its exit status is not judged."""
        return subprocess.run(
            ["ip", "netns", "exec", self.client, *argv],
            cwd=cwd,
            env=None if env is None else {**os.environ, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """This thread, and whatever it starts meanwhile, in the client's namespace."""
        client = Path("/run/netns", self.client)
        with Path("/proc/thread-self/ns/net").open() as before, client.open() as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())

    def cable(self, *, up: bool) -> None:
        """Pull the board's network cable out, or plug it in again; back only when packets pass again."""
        _ip("-n", self.board, "link", "set", self._board_end, "up" if up else "down")
        if up:
            self._until_carried()

    def _until_carried(self) -> None:
        """The kernel tells both ends of a new carrier up to a second later, and remembers that nobody answered."""
        deadline = time.monotonic() + 10
        for space, end in ((self.client, self._client_end), (self.board, self._board_end)):
            _ip("-n", space, "neigh", "flush", "dev", end)
            while _state(space, end) != "UP":
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{end} stays without a carrier")
                time.sleep(0.01)

    def filter(self, *rules: str) -> None:
        """On the board, judge what comes to port 22 by `rules` of nftables, such as `drop`; the former ones go."""
        self.heal()
        listed = "\n".join(f"add rule inet faults arriving tcp dport 22 {rule}" for rule in rules)
        self._nft(f"{_ARRIVING}\n{listed}")

    def lose(self, percent: int) -> None:
        """Drop so many of a hundred packets each way; the former rules go."""
        self.heal()
        judged = f"numgen random mod 100 < {percent} drop"
        self._nft(
            f"{_ARRIVING}\n{_LEAVING}\nadd rule inet faults arriving {judged}\n"
            f"add rule inet faults leaving {judged}"
        )

    def heal(self) -> None:
        """A good network: the cable in, no rules."""
        self.cable(up=True)
        self._nft("add table inet faults\ndelete table inet faults")

    @property
    def _board_end(self) -> str:
        return self.board.replace("board-", "vb")

    @property
    def _client_end(self) -> str:
        return self.client.replace("client-", "vc")

    def _nft(self, text: str) -> None:
        space = f"--net=/run/netns/{self.board}"
        subprocess.run(["nsenter", space, "nft", "-f", "-"], input=text, text=True, check=True)


_ARRIVING = """add table inet faults
add chain inet faults arriving { type filter hook input priority 0; }"""
_LEAVING = "add chain inet faults leaving { type filter hook output priority 0; }"
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET


def _enter(space: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(space, _NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@dataclass(frozen=True, kw_only=True)
class RunningBoard:
    """A simulated board that listens on 192.168.1.10:22 of its namespace."""

    network: Network
    root: Path
    address: str = BOARD_ADDRESS


def missing() -> str | None:
    """Why no namespaces can be made here."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "the `ip` command (iproute2) is not installed"
    name = f"probe-{secrets.token_hex(3)}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return f"no network namespaces here: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=False)
    return None


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """Make both namespaces and the cable between them; take them away again."""
    mark = secrets.token_hex(3)
    made = Network(client=f"client-{mark}", board=f"board-{mark}")
    cable = {made.client: (f"vc{mark}", CLIENT_ADDRESS), made.board: (f"vb{mark}", BOARD_ADDRESS)}
    try:
        for name in cable:
            _ip("netns", "add", name)
        (near, _), (far, _) = cable.values()
        # born inside a namespace: neither end is ever visible outside
        _ip("-n", made.client, "link", "add", near, "type", "veth", "peer", "name", far, "netns", made.board)
        for name, (end, address) in cable.items():
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", end)
            for link in ("lo", end):
                _ip("-n", name, "link", "set", link, "up")
        yield made
    finally:
        for name in cable:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


@contextlib.contextmanager
def running_board(folder: Path, *options: str) -> Iterator[RunningBoard]:
    """A network with a simulated board on 192.168.1.10:22 that lets root in without a password.

    `options` are further options of `python -m board_runner.simboard`.
    """
    root = folder / "board"
    with network() as made:
        inside = ["ip", "netns", "exec", made.board]
        serve = [sys.executable, "-m", "board_runner.simboard", "--host", BOARD_ADDRESS, "--port", "22"]
        board = subprocess.Popen(
            [*inside, *serve, "--root", root, "--no-password", *options], stdout=subprocess.PIPE, text=True
        )
        assert board.stdout is not None
        try:
            _ready(board.stdout)
            yield RunningBoard(network=made, root=root)
        finally:
            board.terminate()
            board.wait(20)
            board.stdout.close()


def _ready(stdout: IO[str]) -> None:
    line = stdout.readline()
    if not line:
        raise RuntimeError("the simulated board did not start; its words are on stderr")
    assert json.loads(line)["port"] == 22


def _state(space: str, end: str) -> str:
    shown = ["ip", "-n", space, "-json", "link", "show", "dev", end]
    link = json.loads(subprocess.run(shown, check=True, capture_output=True).stdout)[0]
    return str(link["operstate"])


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
