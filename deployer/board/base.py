"""What `deploy` asks of a board, whatever lies between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from deployer.board.config import BoardConfig

if TYPE_CHECKING:
    from paramiko.sftp_client import SFTPClient

    from deployer.board.probe.question import Question

_NEW_YEAR_2020 = 1_577_836_800

OnOutput = Callable[[str, bytes], None]
"""Called with `stdout` or `stderr` and the bytes as they arrive."""


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A remote command that has ended. `exit_status` is None when a signal or the deadline ended it."""

    exit_status: int | None
    stdout: bytes
    stderr: bytes
    elapsed_ms: float
    timed_out: bool = False


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One file to place: absent or complete at `target`, never half."""

    source: Path
    target: PurePosixPath
    sha256: str
    executable: bool = False


@dataclass(frozen=True, kw_only=True)
class PlaceFacts:
    """A directory on the board, which need not exist yet; None where the board does not say.

    Two places with the same `device` and `mount` share their room. `writable`: the board lets us write in
    `existing`, the nearest directory that is there.
    """

    path: str
    existing: str
    device: str | None = None
    mount: str | None = None
    free_kib: int | None = None
    writable: bool = False
    read_only: bool | None = None
    noexec: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A process that has the vendor's device nodes open."""

    pid: int
    name: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class IpuFacts:
    """The IPU's device nodes, the vendor's loaded modules (`mi_*`), and who has them open."""

    nodes: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    owners: tuple[Owner, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BoardFacts:
    """What a board says of itself; None where it does not say."""

    machine: str | None = None  # uname -m
    kernel: str | None = None
    chip: str | None = None  # lower case, as the toolchain names chips: `pcupid`
    free_kib: int | None = None  # on the file system of the deploy directory
    memory_available_kib: int | None = None
    clock_epoch_s: int | None = None
    temperature_c: float | None = None
    applets: frozenset[str] = field(default_factory=frozenset)
    boot_id: str | None = None
    uptime_s: float | None = None
    busybox: str | None = None  # its version: `1.20.2`
    shell_elf: str | None = None  # the first 64 bytes of its userland's programs, as hex
    loaders: tuple[str, ...] | None = None  # paths of its dynamic loaders
    places: tuple[PlaceFacts, ...] = ()  # the deploy directory, then the board's `places:`
    ipu: IpuFacts | None = None
    frequencies: tuple[tuple[str, str], ...] = ()  # (node, what it says): units differ by chip

    @property
    def clock_is_set(self) -> bool | None:
        """Whether the clock can be right; a board without a battery begins at 1970."""
        return None if self.clock_epoch_s is None else self.clock_epoch_s >= _NEW_YEAR_2020

    @property
    def libc(self) -> str | None:
        """The C libraries its dynamic loaders belong to (`glibc`, `uClibc`, `musl`); None without a loader."""
        from deployer.building.elf import libc_of

        return ", ".join(sorted({libc for path in self.loaders or () if (libc := libc_of(path))})) or None


@dataclass(frozen=True, kw_only=True)
class Link:
    """What is known of the connection itself; None where the client does not tell."""

    client: str  # `paramiko` or `openssh`
    server: str | None = None  # the server's greeting: `SSH-2.0-dropbear_2022.83`
    window_bytes: int | None = None  # how much the server takes on one channel before it must answer
    round_trip_ms: float | None = None


class Board(Protocol):
    """A board with an open connection; a context manager that closes it.

    Every method raises BoardUnreachable when the connection is lost. `run` and `script` may be called from
    several threads at once: each call is a channel of its own.
    """

    name: str
    address: str  # user@host:port, for reports
    config: BoardConfig

    def link(self) -> Link:
        """What is known of the connection."""
        ...

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        cwd: PurePosixPath | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        on_output: OnOutput | None = None,
    ) -> Completed:
        """Run one program; `argv` is data and is quoted here. The exit status is not judged."""
        ...

    def script(
        self,
        text: str,
        *args: str,
        timeout_s: float,
        stdin: Iterable[bytes] | None = None,
        on_output: OnOutput | None = None,
    ) -> Completed:
        """Run a fixed shell text; what varies are its arguments, so no name can become code."""
        ...

    def sftp(self) -> SFTPClient | None:
        """The board's SFTP, or None where there is none."""
        ...

    def check_alive(self, cause: BaseException | None = None) -> None:
        """Raises BoardUnreachable when the connection is gone."""
        ...

    def push(self, uploads: Sequence[Upload], *, on_bytes: Callable[[int], None] | None = None) -> None:
        """Place files, each complete or absent. Raises TransferError, NoSpace."""
        ...

    def pull(self, source: PurePosixPath, target: Path) -> None:
        """Fetch one file. Raises TransferError."""
        ...

    def facts(self, directory: PurePosixPath) -> BoardFacts:
        """Ask the board about itself, in one command."""
        ...

    def question(self, directory: PurePosixPath) -> Question:
        """What `facts` would ask, for whoever sends it along with another command."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
