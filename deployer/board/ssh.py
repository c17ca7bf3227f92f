"""A board behind an SSH server, whichever client reaches it."""

from __future__ import annotations

import contextlib
import math
import shlex
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Self

from deployer import interrupts
from deployer.board.access.connect import connect, forget
from deployer.board.access.hostkeys import state_dir as default_state_dir
from deployer.board.base import BoardFacts, Completed, Link, OnOutput, Upload
from deployer.board.clients import long_command
from deployer.board.clients.channel import Exchange, PidMarker
from deployer.board.clients.link import Connection, runs_nothing
from deployer.board.clients.stop import GRACE_S, STOP
from deployer.board.clients.turns import Turn, Turns
from deployer.board.config import BoardConfig
from deployer.errors import BoardUnreachable
from deployer.events import Emit, ignore

if TYPE_CHECKING:
    from paramiko.sftp_client import SFTPClient

    from deployer.board.probe.question import Question

__all__ = ["SshBoard", "command_line", "forget"]

_LAST_WORDS_S = 1.0
_STARTS_S = 15.0
_STALL_S = 20.0
_STOP_TIMEOUT_S = 8.0
_CAREFUL = "dropbear"


class SshBoard:
    """`Board` over SSH. Connects on entry (or on `connect()`), closes on exit."""

    def __init__(self, config: BoardConfig, *, emit: Emit = ignore, state_dir: Path | None = None) -> None:
        self.config = config
        self.name = config.name
        self.address = config.address
        self._emit = emit
        self._state_dir = state_dir
        self._connection: Connection | None = None
        self._turns = Turns(careful=False)
        self._early: _Early | None = None
        self._gone: BoardUnreachable | None = None

    def begin(self) -> Self:
        """Start to connect beside what the caller does next; what fails is raised by `connect()`."""
        if self._connection is None and self._early is None:
            self._early = _Early(self._dial)
        return self

    def connect(self) -> Self:
        """Connect and log in. Raises BoardUnreachable, LoginRefused, ConfigError."""
        if self._connection is None:
            early, self._early = self._early, None
            self._gone = None
            self._connection = early.result() if early is not None else self._dial()
            self.address = self._connection.address
            self._turns = Turns(careful=_CAREFUL in self._connection.server)
        return self

    @property
    def connection(self) -> Connection:
        """The open connection itself. Raises BoardUnreachable where there is none."""
        return self._open()

    def close(self) -> None:
        """End the connection; harmless when there is none."""
        early, self._early = self._early, None
        if early is not None:
            with contextlib.suppress(Exception):
                early.result().close()
        if self._connection is not None:
            self._connection.close()
        self._connection = None

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
            stdin=(stdin,) if stdin else (),
            on_output=on_output,
        )

    def script(
        self,
        text: str,
        *args: str,
        timeout_s: float,
        stdin: Iterable[bytes] | None = None,
        on_output: OnOutput | None = None,
    ) -> Completed:
        """Run a fixed shell text; what varies are its arguments, so no name can become code."""
        argv = ["sh", "-c", text, "sh", *args]
        given = () if stdin is None else stdin
        return self._execute(argv, timeout_s=timeout_s, stdin=given, on_output=on_output, stall_s=_STALL_S)

    def link(self) -> Link:
        """What is known of the connection. Raises BoardUnreachable."""
        with interrupts.deferred(), Turn(self._turns, ends_by_itself=True):
            return self._open().link()

    def push(self, uploads: Sequence[Upload], *, on_bytes: Callable[[int], None] | None = None) -> None:
        """Place files, each complete or absent. Raises TransferError, NoSpace, BoardUnreachable."""
        from deployer.board.files import transfer

        transfer.push(self, uploads, on_bytes=on_bytes)

    def pull(self, source: PurePosixPath, target: Path) -> None:
        """Fetch one file, whole or not at all. Raises TransferError, BoardUnreachable."""
        from deployer.board.files import transfer

        transfer.pull(self, source, target)

    def facts(self, directory: PurePosixPath) -> BoardFacts:
        """Ask the board about itself, in one command; a configured `chip:` counts before the board's word."""
        from deployer.board import facts as board_facts

        return board_facts.ask(self, directory, folder=self._state_dir)

    def question(self, directory: PurePosixPath) -> Question:
        """What `facts` would ask, for whoever sends it along with another command."""
        from deployer.board.probe import question

        return question.question(self, directory, folder=self._state_dir)

    def sftp(self) -> SFTPClient | None:
        """The board's SFTP, or None where it has no working server for it (asked once a connection)."""
        with interrupts.deferred(), Turn(self._turns, ends_by_itself=False):
            return self._open().sftp()

    def check_alive(self, cause: BaseException | None = None) -> None:
        """Raises BoardUnreachable when the connection is gone."""
        self._open().check_alive(cause)

    def _dial(self) -> Connection:
        return connect(self.config, folder=self._state_dir or default_state_dir(), emit=self._emit)

    def _open(self) -> Connection:
        if self._gone is not None:
            raise self._gone
        if self._connection is None:
            raise BoardUnreachable(f"{self.address}: not connected", hint="use the board in a `with` block")
        return self._connection

    def _execute(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        stdin: Iterable[bytes],
        cwd: PurePosixPath | None = None,
        env: Mapping[str, str] | None = None,
        on_output: OnOutput | None = None,
        stall_s: float = math.inf,
    ) -> Completed:
        marker = PidMarker()
        text = command_line(argv, cwd=cwd, env={**self.config.env, **(env or {})})
        command = f"{marker.command}; {text}"
        if self._turns.careful and long_command.is_too_long(command):
            command, stdin = long_command.as_input(text, stdin, first=marker.command)
        without_input = isinstance(stdin, Collection) and not stdin
        with interrupts.deferred(), self._reasoned(), Turn(self._turns, ends_by_itself=without_input) as turn:
            exchange = Exchange(self._open().start(command), marker=marker, on_output=on_output)
            try:
                if self._turns.careful:
                    exchange.wait_started(_STARTS_S)
                turn.opened()
                exchange.feed(() if without_input else stdin, before_end=turn.before_end)
                ended = exchange.wait(timeout_s, stall_s=stall_s)
                if not ended and exchange.stalled_s() > stall_s:
                    raise self._let_go(f"the board has taken no data for {stall_s:g} s")
            except BaseException as e:
                if isinstance(e, KeyboardInterrupt):
                    self._stop(marker.pid)
                exchange.abandon()
                raise
            if not ended:
                if not self._stop(marker.pid) and stall_s < math.inf:
                    exchange.abandon()
                    raise self._let_go(f"the connection was lost, nothing came for {timeout_s:g} s")
                with contextlib.suppress(BoardUnreachable):
                    exchange.wait(_LAST_WORDS_S)
            never_ran = ended and marker.missing
            done = exchange.result(timed_out=not ended)
            if never_ran and done.exit_status is not None:
                raise runs_nothing(self.address, done)
            return done

    @contextlib.contextmanager
    def _reasoned(self) -> Iterator[None]:
        """Once a board has been let go, every channel's end has that one reason."""
        try:
            yield
        except BoardUnreachable as e:
            if self._gone is None or e is self._gone:
                raise
            raise self._gone from e

    def _let_go(self, why: str) -> BoardUnreachable:
        """A board that is deaf or dumb will not stop its program either: have no more to do with it."""
        self._gone = BoardUnreachable(
            f"{self.address}: {why}",
            hint="it or its network hangs; what arrived is kept, and the next push goes on from there",
        )
        self.close()
        return self._gone

    def _stop(self, pid: int | None) -> bool:
        """Whether the board has done so. Out of turn: it is this or a program left on the board."""
        if pid is None:
            return False
        with contextlib.suppress(BoardUnreachable):
            command = shlex.join(["sh", "-c", STOP, "sh", str(pid), str(GRACE_S)])
            stopping = Exchange(self._open().start(command))
            stopping.feed(())
            stopped = stopping.wait(_STOP_TIMEOUT_S)
            stopping.result(timed_out=not stopped)
            return stopped
        return False


class _Early:
    """A connection that is being made in another thread."""

    def __init__(self, dial: Callable[[], Connection]) -> None:
        self._dial = dial
        self._made: Connection | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self) -> Connection:
        """The connection, once it is there; raises what kept it from being."""
        self._thread.join()
        if self._made is None:
            raise self._error or AssertionError("neither made nor failed")
        return self._made

    def _run(self) -> None:
        try:
            self._made = self._dial()
        except BaseException as e:
            self._error = e


def command_line(argv: Sequence[str], *, cwd: PurePosixPath | None, env: Mapping[str, str]) -> str:
    """The one string an SSH server hands to the login shell, every word quoted."""
    parts = []
    if cwd is not None:
        parts.append(f"cd -- {shlex.quote(str(cwd))} || exit 1")
    parts += [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    parts.append(f"exec {shlex.join(argv)}")
    return "; ".join(parts)
