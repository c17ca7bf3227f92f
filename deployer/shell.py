"""The one door to programs on this host."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deployer import interrupts
from toolchain_wrappers.errors import ToolchainError

_READ_BYTES = 65536
_GRACE_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A program that has ended; `log` holds all it printed, stdout and stderr in one."""

    exit_status: int
    log: Path


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a short command said; `exit_status` None where it could not be started or did not end in time."""

    exit_status: int | None
    out: str
    reason: str


def ask(argv: Sequence[str], *, timeout_s: float) -> Answer:
    """Run a short command whose failing is an answer too; `reason` is the last line of its stderr."""
    try:
        ran = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        return Answer(exit_status=None, out="", reason=str(e))
    last = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
    return Answer(exit_status=ran.returncode, out=ran.stdout.strip(), reason=last)


def start(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a program with a pipe for each of its streams, in a session of its own: it sees no Ctrl-C.

    The caller ends and waits for it. Raises ToolchainError for one that cannot be started.
    """
    try:
        return subprocess.Popen(
            list(argv),
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
    except OSError as e:
        raise ToolchainError(f"{argv[0]} cannot be started: {e.strerror}") from e


def socket_of(argv: Sequence[str]) -> socket.socket:
    """Start a program whose stdin and stdout are the other end of the socket returned; it ends with that.

    Raises ToolchainError for one that cannot be started.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as e:
            ours.close()
            raise ToolchainError(f"{argv[0]} cannot be started: {e.strerror}") from e
    threading.Thread(target=process.wait, daemon=True).start()  # nobody else does
    return ours


def interactive(argv: Sequence[str]) -> int:
    """Give the terminal to a program until it ends; its exit status. Ctrl-C is the program's own meanwhile.

    Raises ToolchainError for one that cannot be started.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        # Handlers that ignore are inherited: the program gets the default one back.
        return subprocess.call(list(argv), preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    except OSError as e:
        raise ToolchainError(
            f"{argv[0]} cannot be started: {e.strerror}", hint=f"is {argv[0]} installed?"
        ) from e
    finally:
        signal.signal(signal.SIGINT, before)


def stream(
    argv: Sequence[str],
    *,
    cwd: Path,
    log: Path,
    on_line: Callable[[str], None],
    idle_timeout_s: float,
    env: Mapping[str, str] | None = None,
    progressed: Callable[[str], bool] | None = None,
    alive: Callable[[], bool] | None = None,
    stop: Sequence[Sequence[str]] = (),
) -> Ran:
    """Run a program, giving its lines as they come; a `\\r` ends a line too, so that a redrawn bar is seen.

    The log keeps every line once: of a redrawn one its last state. The whole process group is stopped on Ctrl-C,
    on an error, and when nothing was printed for `idle_timeout_s`, or nothing that `progressed` calls news, unless
    `alive` then says that it works in silence. The commands `stop` run then too, for what is not in the group, such
    as a container. Raises ToolchainError for a silent program and for one that cannot be started. The exit status
    is not judged.
    """
    with interrupts.handled(), contextlib.ExitStack() as starting:
        starting.enter_context(interrupts.deferred())  # a program that just started must not be forgotten
        with _started(argv, cwd, env) as process, log.open("w", encoding="utf-8") as kept:
            watch = _Watch(process, idle_timeout_s, alive)

            def take(line: str) -> None:
                if progressed is None or progressed(line):
                    watch.heard()
                on_line(line)

            status = None
            try:
                starting.close()
                last = _read(process, kept.write, take)
                status = process.wait()
            finally:
                watch.stop()
                if watch.fired or status is None:
                    _run_all(stop)
                    _end(process)
                    _run_all(
                        stop
                    )  # again: a client that was just starting a container may have finished that
                _end(process)
    if watch.fired:
        raise ToolchainError(
            f"{argv[0]} made no progress for {idle_timeout_s:g} s and was stopped; its last line: {last!r}",
            hint=f"the whole log is {log}",
        )
    return Ran(exit_status=status, log=log)


def _started(argv: Sequence[str], cwd: Path, env: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(argv),
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as e:
        raise ToolchainError(f"{argv[0]} cannot be started in {cwd}: {e.strerror}") from e


class _Watch:
    """Ends a silent program from a timer thread; `heard` winds it up again."""

    def __init__(
        self, process: subprocess.Popen[bytes], idle_timeout_s: float, alive: Callable[[], bool] | None
    ) -> None:
        self.fired = False
        self._process, self._idle_timeout_s, self._alive = process, idle_timeout_s, alive
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self.heard()

    def heard(self) -> None:
        with self._lock:
            self._wind_up()

    def stop(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None

    def _wind_up(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(self._idle_timeout_s, self._fire)
        self._timer.daemon = True
        self._timer.start()

    def _fire(self) -> None:
        works = self._alive is not None and self._process.poll() is None and self._alive()
        with self._lock:
            if self._timer is not threading.current_thread():  # stopped or wound up meanwhile
                return
            if works:
                self._wind_up()
                return
            self.fired = True
        _end(self._process)


def _run_all(commands: Sequence[Sequence[str]]) -> None:
    """Each to its end, whatever it says: there may be nothing left to stop."""
    for argv in commands:
        ask(argv, timeout_s=30)


def _read(
    process: subprocess.Popen[bytes], keep: Callable[[str], object], on_line: Callable[[str], None]
) -> str:
    assert process.stdout is not None
    rest, last = "", ""
    while chunk := os.read(process.stdout.fileno(), _READ_BYTES):
        *lines, rest = (rest + chunk.decode("utf-8", "replace")).replace("\r\n", "\n").split("\n")
        for line in lines:
            last = _redrawn(line, on_line)
            keep(last + "\n")
        if "\r" in rest:  # a bar in progress: show its states, keep the newest
            done, _, rest = rest.rpartition("\r")
            last = _redrawn(done, on_line)
    if rest:
        last = _redrawn(rest, on_line)
        keep(last + "\n")
    return last


def _redrawn(line: str, on_line: Callable[[str], None]) -> str:
    states = [state for state in line.split("\r") if state]
    for state in states:
        on_line(state)
    if not states:
        on_line("")
    return states[-1] if states else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop what is left of the process group, gently first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None and number == signal.SIGKILL:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
