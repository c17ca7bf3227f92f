"""One command over a connection that the `ssh` program holds."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from pathlib import Path
from typing import Protocol

from deployer.board.clients import openssh_words
from deployer.board.clients.link import Sink, refuses

_CHUNK_BYTES = 1 << 16
_SSH_FAILED = 255
"""What `ssh` exits with for its own failures; a remote command may too: its log tells which."""


class Holder(Protocol):
    """The connection, as far as a command needs it."""

    address: str

    def check_alive(self, cause: BaseException | None = None) -> None: ...


class ClientProcess:
    """`Process` in a program of its own."""

    def __init__(self, connection: Holder, process: subprocess.Popen[bytes], log: Path) -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._connection = connection
        self._process = process
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr
        self._log = log
        self._poll = select.poll()
        self._open = {self._stdout.fileno(): "stdout", self._stderr.fileno(): "stderr"}
        for descriptor in self._open:
            self._poll.register(descriptor, select.POLLIN)

    def read(self, limit_s: float, sink: Sink) -> bool:
        """Hand over what has come, waiting at most `limit_s` for something; whether anything came."""
        if not self._open:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(limit_s)
            return False
        got = False
        for descriptor, _ in self._poll.poll(1000 * limit_s):
            data = os.read(descriptor, _CHUNK_BYTES)
            if data:
                got = True
                sink(self._open[descriptor], data)
            else:
                self._poll.unregister(descriptor)
                del self._open[descriptor]
        return got

    def ended(self) -> bool:
        """Both streams are over, and so is the program."""
        return not self._open and self._process.poll() is not None

    def status(self) -> int | None:
        """The remote status; None: by a signal. Raises BoardUnreachable when lost or never started."""
        status = self._process.wait()
        if status != _SSH_FAILED and status >= 0:
            return status
        log = self._log.read_text("utf-8", "replace") if self._log.exists() else ""
        told = openssh_words.exit_status(log)
        if told is not None:
            return told
        self._connection.check_alive(RuntimeError(openssh_words.last_words(log)))
        if "master session id" in log and "session request failed" not in log:
            return None
        raise refuses(self._connection.address, openssh_words.last_words(log))

    def send(self, data: bytes) -> bool:
        """Write to standard input; False when nobody listens."""
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._stdin.fileno(), left) :]
        except (OSError, ValueError):
            return False
        return True

    def send_eof(self) -> None:
        """End standard input."""
        with contextlib.suppress(OSError):
            self._stdin.close()

    def close(self) -> None:
        """Let go of the channel."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(2)
        for stream in (self._stdin, self._stdout, self._stderr):
            with contextlib.suppress(OSError):
                stream.close()
        self._log.unlink(missing_ok=True)
