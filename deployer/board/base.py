"""What `deploy` asks of a board, whatever lies between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from deployer.board.config import BoardConfig

if TYPE_CHECKING:
    from paramiko import SFTPClient

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

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
