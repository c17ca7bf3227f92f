"""A connection by the `ssh` program: for servers whose algorithms paramiko has given up.

One `ssh` holds the connection in a private directory, and each command is another `ssh` that goes over it. A shell
watches the first one: it ends with us, however we end.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from deployer import shell
from deployer.board.access import hostkeys, memory, passwords
from deployer.board.access.dial import open_socket, round_trip_ms
from deployer.board.access.hostkeys import HostKey
from deployer.board.access.passwords import Secret
from deployer.board.access.ssh_config import Route
from deployer.board.base import Link
from deployer.board.clients import openssh_words
from deployer.board.clients.link import Incompatible, Process, lost
from deployer.board.clients.openssh_process import ClientProcess
from deployer.board.clients.openssh_words import Workplace
from deployer.errors import BoardUnreachable, LoginRefused
from deployer.events import Emit, Logged, Warned
from toolchain_wrappers.errors import ToolchainError

OPTIONS = "ssh_options"
"""Under which name the old algorithms that a board needs are remembered."""

WATCH = """
exec 3<&0 </dev/null
"$@" 3<&- & p=$!
{ read -r _ <&3; kill "$p"; } 2>/dev/null & w=$!
exec 3<&-
wait "$p"; s=$?
kill "$w" 2>/dev/null
exit "$s"
"""
"""Runs a program that is ended when our end of the shell's stdin is closed, by us or by our death."""

ASKPASS = """#!/bin/sh
case $1 in *assphrase*|*fingerprint*) exit 1 ;; esac
IFS= read -r answer <"${0%/*}/answer" && printf '%s\\n' "$answer"
"""
"""The answer comes through a pipe with a name, never by arguments, environment or a file."""

_MOST_TRIES = 6
_ANSWERS = 4
_TICK_S = 0.01
_DYING_S = 0.3


def open_route(route: Route, *, folder: Path, emit: Emit) -> OpenSshConnection:
    """Connect, check host keys, log in. Raises BoardUnreachable, LoginRefused, ConfigError."""
    config = route.config
    if shutil.which("ssh") is None:
        raise BoardUnreachable(
            f"{config.address}: the `ssh` program is needed to reach it, and is not installed",
            hint="install OpenSSH's client, or give the board a newer SSH server",
        )
    rtt_ms = None
    if not route.through and route.proxy_command is None:
        with open_socket(config) as sock:  # what can go wrong up to here is told in the same words
            rtt_ms = round_trip_ms(sock)
    remembered = memory.recall(config, OPTIONS, folder=folder)
    options: dict[str, str] = remembered if isinstance(remembered, dict) else {}
    for _ in range(_MOST_TRIES):
        connection = OpenSshConnection(route, options, folder=folder, rtt_ms=rtt_ms)
        try:
            connection.open(emit)
        except BaseException as e:
            log = connection.log()
            connection.close()
            more = openssh_words.still_needed(log, options) if isinstance(e, BoardUnreachable) else {}
            if not more:
                raise
            options = {**options, **more}
            continue
        if options != (remembered or {}):
            memory.remember(config, OPTIONS, options, folder=folder)
            said = ", ".join(f"{name}={value}" for name, value in options.items())
            emit(Warned(step="connect", message=f"{config.address}: old algorithms are needed: {said}"))
        return connection
    raise Incompatible(f"{config.address}: no common SSH algorithms", hint="does `ssh -v` by hand get in?")


_MOST_FOLDER_BYTES = 80


class OpenSshConnection:
    """`Connection` over the `ssh` program."""

    def __init__(
        self, route: Route, options: dict[str, str], *, folder: Path, rtt_ms: float | None = None
    ) -> None:
        self.address = route.config.address
        self._route = route
        self._options = options
        self._folder = folder
        self._rtt_ms = rtt_ms
        self._place = Workplace(folder=_own_folder())
        self._master: subprocess.Popen[bytes] | None = None
        self._count = 0
        self._lock = threading.Lock()
        self._link: Link | None = None

    @property
    def server(self) -> str:
        """The server's greeting."""
        return openssh_words.greeting(self.log()) or ""

    def open(self, emit: Emit) -> None:
        """Start the program and wait until it takes commands. Raises BoardUnreachable, LoginRefused."""
        routes = [self._route, *reversed(self._route.through)]
        before = openssh_words.remembered_keys(routes, self._folder)
        self._place.known_hosts.write_text(before, "utf-8")
        argv = openssh_words.master(self._route, self._place, self._options, before)
        secret = passwords.find(self._route.config)
        with _answers(self._place.folder, secret) as env:
            try:
                self._master = shell.start(["sh", "-c", WATCH, "sh", *argv], env=env)
            except ToolchainError as e:
                raise BoardUnreachable(f"{self.address}: {e}", hint="is there a shell and `ssh`?") from e
            deadline = time.monotonic() + 2 * self._route.config.connect_timeout_s + 1
            while not self._place.control.exists():
                if self._master.poll() is not None:
                    raise self._failure(routes)
                if time.monotonic() > deadline:
                    raise self._silence()
                time.sleep(_TICK_S)
        self._learn(routes, before, emit)

    def start(self, command: str) -> Process:
        """Have the login shell run `command`. Raises BoardUnreachable."""
        self.check_alive()
        with self._lock:
            self._count += 1
            log = self._place.folder / f"run{self._count}"
        try:
            running = shell.start(openssh_words.client(self._place, log, command))
        except ToolchainError as e:
            raise BoardUnreachable(f"{self.address}: {e}", hint="is this host out of processes?") from e
        return ClientProcess(self, running, log)

    def sftp(self) -> None:
        """None: what needs a library's SFTP goes another way."""

    def link(self) -> Link:
        """Greeting, window and round trip; a window shows once a command has run. Raises BoardUnreachable."""
        if self._link is None:
            if openssh_words.window_bytes(self.log()) is None:
                probe = self.start("exit 0")
                probe.send_eof()
                deadline = time.monotonic() + self._route.config.connect_timeout_s
                while not probe.ended() and time.monotonic() < deadline:
                    probe.read(_TICK_S, lambda name, data: None)
                probe.close()
            log = self.log()
            self._link = Link(
                client="openssh",
                server=openssh_words.greeting(log),
                window_bytes=openssh_words.window_bytes(log),
                round_trip_ms=self._rtt_ms,
            )
        return self._link

    def check_alive(self, cause: BaseException | None = None) -> None:
        """Raises BoardUnreachable when the connection is gone."""
        gone = self._master is None or self._master.poll() is not None
        if not gone and cause is not None and self._master is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._master.wait(_DYING_S)
                gone = True
        if gone or not self._place.control.exists():
            raise lost(self.address) from cause

    def close(self) -> None:
        """End it; harmless when it is gone."""
        master, self._master = self._master, None
        if master is not None:
            _end(master)
        shutil.rmtree(self._place.folder, ignore_errors=True)

    def log(self, hop: int = 0) -> str:
        """What `ssh` has said of one hop; 0 is the board."""
        try:
            return self._place.log(hop).read_text("utf-8", "replace")
        except OSError:
            return ""

    def _learn(self, routes: list[Route], before: str, emit: Emit) -> None:
        """Take over the host keys that `ssh` saw for the first time."""
        fresh = set(self._place.known_hosts.read_text("utf-8").splitlines()) - set(before.splitlines())
        for route in routes:
            for line in sorted(fresh):
                name, kind, key = line.split()[:3]
                if name != hostkeys.entry_name(route.config):
                    continue
                first = hostkeys.check(route.config, HostKey(kind=kind, base64=key), self._folder)
                if first is not None:
                    told = f"{route.config.address}: first contact, host key {first} remembered"
                    emit(Logged(step="connect", line=told))

    def _failure(self, routes: list[Route]) -> BoardUnreachable:
        """Why the program ended, told of the farthest hop that it got to."""
        for hop, route in enumerate(routes):
            log = self.log(hop)
            if hop + 1 < len(routes) and "Authenticated to" not in self.log(hop + 1):
                continue
            refused = openssh_words.forward_failure(self.log(hop + 1))
            if refused is not None:
                return BoardUnreachable(
                    f"{route.config.address}: the jump host {routes[hop + 1].config.address} cannot connect to it "
                    f"({refused})",
                    hint="is the board powered, can the jump host reach it, does its sshd allow forwarding?",
                )
            return _judged(log, route, self._folder)
        return _judged(self.log(len(routes) - 1), routes[-1], self._folder)

    def _silence(self) -> BoardUnreachable:
        timeout_s = self._route.config.connect_timeout_s
        if openssh_words.greeting(self.log()) is None:
            return BoardUnreachable(
                f"{self.address}: connected, but no SSH greeting within {timeout_s:g} s",
                hint="something else may listen on that port, or the board hangs",
            )
        return LoginRefused(
            f"{self.address}: the log-in was not through after {2 * timeout_s:g} s",
            hint="its sshd log may say why",
        )


def _judged(log: str, route: Route, folder: Path) -> BoardUnreachable:
    config = route.config
    last = openssh_words.last_words(log)
    shown = openssh_words.shown_key(log)
    if "Host key verification failed" in log and shown is not None:
        known = hostkeys.known_keys(config, folder)
        return (hostkeys.changed if known else hostkeys.unknown)(config, shown, folder)
    allowed = openssh_words.allowed(log)
    if allowed is not None:
        passwords.was_wrong(config)
        return LoginRefused(
            f"{config.address}: log-in refused; tried {openssh_words.tried(config, route)}",
            hint=passwords.cure(config, allowed),
        )
    if "Unable to negotiate" in log:
        return Incompatible(
            f"{config.address}: no common SSH algorithms: {last}",
            hint="its SSH server is too old for this host's `ssh` too; a newer dropbear or sshd is needed",
        )
    if "timed out during banner exchange" in log:
        return BoardUnreachable(
            f"{config.address}: connected, but no SSH greeting within {config.connect_timeout_s:g} s",
            hint="something else may listen on that port, or the board hangs",
        )
    if openssh_words.greeting(log) is None and "Connection established" in log:
        return BoardUnreachable(
            f"{config.address}: what answers there is not an SSH server ({last})",
            hint="check the port; if it is right, the board's sshd may be refusing more connections",
        )
    if openssh_words.greeting(log) is not None:
        return lost(config.address, ConnectionError(f"before the log-in was through: {last}"))
    return BoardUnreachable(
        f"{config.address}: `ssh` cannot connect: {last}", hint="does `ssh -v` by hand get in?"
    )


@contextlib.contextmanager
def _answers(folder: Path, secret: Secret | None) -> Iterator[dict[str, str]]:
    """The environment in which `ssh` gets the password: from a pipe, read by a program it starts to ask."""
    if secret is None:
        yield {"SSH_ASKPASS_REQUIRE": "never"}
        return
    program, pipe = folder / "ask", folder / "answer"
    program.write_text(ASKPASS, "utf-8")
    program.chmod(0o700)
    os.mkfifo(pipe, 0o600)
    held = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        os.write(held, f"{secret.reveal()}\n".encode("utf-8", "surrogateescape") * _ANSWERS)
        # before OpenSSH 8.4 only a display, and no terminal, made it ask a program
        yield {
            "SSH_ASKPASS": str(program),
            "SSH_ASKPASS_REQUIRE": "force",
            "DISPLAY": os.environ.get("DISPLAY", ":0"),
        }
    finally:
        os.close(held)


def _end(master: subprocess.Popen[bytes]) -> None:
    for stream in (master.stdin, master.stdout, master.stderr):
        if stream is not None:
            stream.close()
    try:
        master.wait(2)
    except subprocess.TimeoutExpired:
        master.kill()
        master.wait(2)


def _own_folder() -> Path:
    """A folder of ours alone (0700), whose sockets have names that fit: 107 bytes, `ssh` adds 17 while it binds."""
    folder = Path(tempfile.mkdtemp(prefix="deploy-"))
    if len(os.fsencode(folder)) <= _MOST_FOLDER_BYTES:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="deploy-", dir="/tmp"))
