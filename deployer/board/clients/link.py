"""The seam below `SshBoard`: an open connection that starts commands, whichever SSH client made it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from deployer.board.base import Completed, Link
from deployer.errors import BoardUnreachable, LoginRefused

if TYPE_CHECKING:
    from paramiko.sftp_client import SFTPClient

Sink = Callable[[str, bytes], None]
"""Takes `stdout` or `stderr` and the bytes that came."""


class Incompatible(BoardUnreachable):
    """Client and server have no algorithm in common: another client may."""


class Process(Protocol):
    """A command on a channel of its own. `send` and `send_eof` may run beside `read`, in another thread."""

    def read(self, limit_s: float, sink: Sink) -> bool:
        """Hand over what has come, waiting at most `limit_s` for something; whether anything came."""
        ...

    def ended(self) -> bool:
        """Whether all has been read and how it ended is known: nothing can follow."""
        ...

    def status(self) -> int | None:
        """The exit status of an ended command, None: a signal ended it. Raises BoardUnreachable when lost."""
        ...

    def send(self, data: bytes) -> bool:
        """Write to its standard input; False when nobody listens any more."""
        ...

    def send_eof(self) -> None:
        """End its standard input."""
        ...

    def close(self) -> None:
        """Let go of the channel; a command that still runs is not stopped by that."""
        ...


class Connection(Protocol):
    """A logged-in connection. Several threads may use it. `address` is what ~/.ssh/config made of the board's."""

    address: str

    @property
    def server(self) -> str:
        """The server's greeting: `SSH-2.0-dropbear_2022.83`."""
        ...

    def start(self, command: str) -> Process:
        """Have the login shell run `command`. Raises BoardUnreachable."""
        ...

    def sftp(self) -> SFTPClient | None:
        """The board's SFTP, or None where it has none that works (asked once a connection)."""
        ...

    def link(self) -> Link:
        """What is known of the connection; measured at the first call."""
        ...

    def check_alive(self, cause: BaseException | None = None) -> None:
        """Raises BoardUnreachable when the connection is gone."""
        ...

    def close(self) -> None:
        """End it; harmless when it is gone."""
        ...


def runs_nothing(address: str, done: Completed) -> BoardUnreachable:
    """The error for a server that took a command and ran something else: files only, or no shell."""
    words = done.stderr.decode("utf-8", "replace").split("\n")[0].strip()
    return LoginRefused(
        f"{address}: the server runs no commands{f' ({words})' if words else ''}",
        hint="it may allow SFTP only: take ForceCommand out of its sshd_config, and give the user a shell",
    )


def lost(address: str, cause: BaseException | None = None) -> BoardUnreachable:
    """The error for a connection that has gone."""
    said = f" ({cause})" if cause is not None and str(cause) else ""
    return BoardUnreachable(
        f"{address}: the connection was lost{said}",
        hint="did the board reboot or lose power or network? try again once it answers",
    )


def refuses(address: str, cause: object) -> BoardUnreachable:
    """The error for a connection that is there, on which no command can be started."""
    return BoardUnreachable(
        f"{address}: the board refuses to start a command ({cause})",
        hint="it may be out of memory or processes, or allow SFTP only; does `ssh` by hand work?",
    )
