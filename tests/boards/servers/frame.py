"""The frame of a board: namespaces, a root, a server, a power switch. Nothing of it outlives the test."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_INIT = Path(__file__).with_name("init.py")
_TOOLS = ("unshare", "nsenter", "mount")


def missing(*programs: str) -> str | None:
    """Why no framed board can be made here; `programs` are what its server needs."""
    if os.geteuid() != 0:
        return "boards in namespaces of their own need root"
    for name in (*_TOOLS, *programs):
        if shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            return f"`{name}` is not installed"
    probe = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False
    )
    return None if probe.returncode == 0 else f"no namespaces here: {probe.stderr.decode().strip()}"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """How a board is framed: its `root`, arguments for `mount` in order, the server's argument vector."""

    root: Path
    server: Sequence[str]
    mounts: Sequence[Sequence[str]] = field(default_factory=tuple)
    netns: str | None = None


class Frame:
    """A board that is switched on, seen from outside."""

    def __init__(self, spec: Spec, work: Path, process: subprocess.Popen[str]) -> None:
        self.spec = spec
        self._work = work
        self._process = process

    @property
    def root(self) -> Path:
        """The board's `/` with its own mounts, as this machine sees it."""
        return Path(f"/proc/{self._process.pid}/root{self.spec.root}")

    @property
    def log(self) -> str:
        """What the server has written."""
        path = self._work / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def boot(self) -> None:
        """Start the server, with an empty /tmp and a new boot id."""
        self._order("boot")

    def off(self) -> None:
        """Kill every process of the board at once, as a cut of its power does; what is on its disks stays."""
        self._order("off")

    def processes(self) -> dict[int, str]:
        """The command line of everything that runs on the board, by this machine's process ids."""
        space = Path(f"/proc/{self._init}/ns/pid").readlink()
        found = {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and (entry / "ns/pid").readlink() == space:
                    state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                    words = (entry / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ")
                    if int(entry.name) != self._init:
                        found[int(entry.name)] = words.decode(errors="replace") or f"[{state}]"
        return found

    def kill(self, *, sessions: bool, number: int = signal.SIGKILL) -> int:
        """Send a signal to the server's sessions, or to its listener; how many there were."""
        servers = {pid: p for pid, p in self.processes().items() if Path(self.spec.server[0]).name in p}
        listener = min(servers, key=_started, default=None)
        chosen = [pid for pid in servers if (pid != listener) == sessions]
        for pid in chosen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return len(chosen)

    def mount(self, *words: str | Path) -> None:
        """Run `mount` where the board's mounts are; `root` is the place of its `/`."""
        self.outside(["mount", *words])

    def outside(self, argv: Sequence[str | Path]) -> str:
        """Run one of this machine's programs among the board's mounts and network."""
        spaces = ["--mount", "--net", "--pid"]
        entered = ["nsenter", "-t", str(self._init), *spaces, "--", *argv]
        done = subprocess.run(entered, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{argv}: {done.stderr.strip()}")
        return done.stdout

    @property
    def _init(self) -> int:
        pid = self._process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def _order(self, word: str) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        if self._process.stdout.readline().strip() != word:
            raise RuntimeError(f"the board's first process is gone: {self.log}")


@contextlib.contextmanager
def framed(spec: Spec, work: Path) -> Iterator[Frame]:
    """A board, switched on. Its mounts and processes are its own and go with it."""
    boot_id = work / "boot_id"
    boot_id.touch()
    boot_id_mount = ["--bind", str(boot_id), f"{spec.root}/proc/sys/kernel/random/boot_id"]
    plan = {
        "root": str(spec.root),
        "server": [str(word) for word in spec.server],
        "mounts": [*([str(w) for w in words] for words in spec.mounts), boot_id_mount],
        "boot_id": str(boot_id),
        "log": str(work / "log"),
    }
    (work / "spec.json").write_text(json.dumps(plan))
    network = ["nsenter", f"--net=/run/netns/{spec.netns}"] if spec.netns else []
    unshare = ["unshare", "--mount", "--propagation", "private", "--pid", "--uts", "--fork", "--kill-child"]
    init = [sys.executable, "-I", "-S", str(_INIT), str(work / "spec.json")]
    process = subprocess.Popen(
        [*network, *unshare, *init], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the board's mounts failed; the reason is on stderr")
        frame = Frame(spec, work, process)
        frame.boot()
        yield frame
    finally:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()  # the board's first process ends, and everything on the board with it
        process.wait(10)
        process.stdout.close()


def _started(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return sys.maxsize
