"""A board behind an SSH server: paramiko's transport, with its known traps avoided."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

import paramiko
from paramiko.ssh_exception import SSHException

from deployer.board import facts as board_facts
from deployer.board import hostkeys, transfer
from deployer.board.base import BoardFacts, Completed, Link, OnOutput, Upload
from deployer.board.channel import DYING_S, Exchange, PidMarker
from deployer.board.config import BoardConfig
from deployer.board.connect import connect
from deployer.board.hostkeys import forget
from deployer.board.stop import GRACE_S, STOP
from deployer.errors import BoardUnreachable
from deployer.events import Emit, ignore

__all__ = ["SshBoard", "command_line", "forget"]

_SFTP_TIMEOUT_S = 15.0
_LAST_WORDS_S = 1.0

_STOP_TIMEOUT_S = 8.0


class SshBoard:
    """`Board` over SSH. Connects on entry (or on `connect()`), closes on exit."""

    def __init__(self, config: BoardConfig, *, emit: Emit = ignore, state_dir: Path | None = None) -> None:
        self.config = config
        self.name = config.name
        self.address = config.address
        self._emit = emit
        self._state_dir = state_dir
        self._transport: paramiko.Transport | None = None
        self._sftp: paramiko.SFTPClient | None = None
        self._sftp_missing = False

    def connect(self) -> Self:
        """Connect and log in. Raises BoardUnreachable, LoginRefused, ConfigError."""
        if self._transport is None:
            folder = self._state_dir or hostkeys.state_dir()
            self._transport = connect(self.config, folder=folder, emit=self._emit)
        return self

    def close(self) -> None:
        """End the connection; harmless when there is none."""
        if self._sftp is not None:
            with contextlib.suppress(OSError, EOFError, SSHException):
                self._sftp.close()
        if self._transport is not None:
            self._transport.close()
        self._transport = self._sftp = None
        self._sftp_missing = False

    def __enter__(self) -> Self:
        return self.connect()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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
        """Run one program; at the deadline it is stopped, gently first. Raises BoardUnreachable."""
        return self._execute(
            argv,
            timeout_s=timeout_s,
            cwd=cwd,
            env=env or {},
            stdin=[] if stdin is None else [stdin],
            on_output=on_output,
        )

    def script(
        self, text: str, *args: str, timeout_s: float, stdin: Iterable[bytes] | None = None
    ) -> Completed:
        """Run a fixed shell text; what varies are its arguments, so no name can become code."""
        return self._execute(["sh", "-c", text, "sh", *args], timeout_s=timeout_s, stdin=stdin or [])

    def link(self) -> Link:
        """What is known of the connection."""
        return Link(client="paramiko", server=self._open().remote_version)

    def push(self, uploads: Sequence[Upload], *, on_bytes: Callable[[int], None] | None = None) -> None:
        """Place files, each complete or absent. Raises TransferError, NoSpace, BoardUnreachable."""
        transfer.push(self, uploads, on_bytes=on_bytes)

    def pull(self, source: PurePosixPath, target: Path) -> None:
        """Fetch one file, whole or not at all. Raises TransferError, BoardUnreachable."""
        transfer.pull(self, source, target)

    def facts(self, directory: PurePosixPath) -> BoardFacts:
        """Ask the board about itself, in one command; a configured `chip:` counts before the board's word."""
        done = self.script(board_facts.SCRIPT, str(directory), timeout_s=30)
        said = board_facts.parse(done.stdout)
        return replace(said, chip=self.config.chip or said.chip)

    def sftp(self) -> paramiko.SFTPClient | None:
        """The board's SFTP, or None where it has no working server for it (asked once a connection)."""
        if self._sftp is None and not self._sftp_missing:
            try:
                channel = self._open().open_session(timeout=_SFTP_TIMEOUT_S)
                channel.settimeout(_SFTP_TIMEOUT_S)  # some servers accept and then say nothing
                channel.invoke_subsystem("sftp")
                self._sftp = paramiko.SFTPClient(channel)
            except (SSHException, OSError, EOFError, paramiko.SFTPError) as e:
                self.check_alive(e)
                self._sftp_missing = True
        return self._sftp

    def check_alive(self, cause: BaseException | None = None) -> None:
        """Raises BoardUnreachable when the connection is gone."""
        if self._transport is not None and cause is not None:
            self._transport.join(DYING_S)
        if self._transport is None or not self._transport.is_active():
            raise BoardUnreachable(
                f"{self.address}: the connection was lost",
                hint="did the board reboot or lose power or network? try again once it answers",
            ) from cause

    def _open(self) -> paramiko.Transport:
        if self._transport is None:
            raise BoardUnreachable(f"{self.address}: not connected", hint="use the board in a `with` block")
        return self._transport

    def _execute(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        stdin: Iterable[bytes],
        cwd: PurePosixPath | None = None,
        env: Mapping[str, str] | None = None,
        on_output: OnOutput | None = None,
    ) -> Completed:
        marker = PidMarker()
        command = command_line(argv, cwd=cwd, env={**self.config.env, **(env or {})}, first=marker.command)
        exchange = Exchange(self._open(), self.address, command, marker=marker)
        exchange.feed(stdin)
        try:
            ended = exchange.wait(timeout_s, on_output)
        except KeyboardInterrupt:
            self._stop(marker.pid)
            raise
        if not ended:
            self._stop(marker.pid)
            with contextlib.suppress(BoardUnreachable):
                exchange.wait(_LAST_WORDS_S, on_output)
        result = exchange.result(timed_out=not ended)
        return Completed(
            exit_status=result.exit_status,
            stdout=result.stdout,
            stderr=result.stderr,
            elapsed_ms=result.elapsed_ms,
            timed_out=result.timed_out,
        )

    def _stop(self, pid: int | None) -> None:
        if pid is None:
            return
        with contextlib.suppress(BoardUnreachable):
            stopping = Exchange(
                self._open(), self.address, shlex.join(["sh", "-c", STOP, "sh", str(pid), str(GRACE_S)])
            )
            stopping.wait(_STOP_TIMEOUT_S, None)
            stopping.result(timed_out=False)


def command_line(
    argv: Sequence[str], *, cwd: PurePosixPath | None, env: Mapping[str, str], first: str = ":"
) -> str:
    """The one string an SSH server hands to the login shell, every word quoted."""
    parts = [first]
    if cwd is not None:
        parts.append(f"cd -- {shlex.quote(str(cwd))} || exit 1")
    parts += [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    parts.append(f"exec {shlex.join(argv)}")
    return "; ".join(parts)
