"""One command on an open connection: streams kept apart, bounded, with a deadline, and nothing mistaken."""

from __future__ import annotations

import re
import secrets
import select
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import paramiko
from paramiko.ssh_exception import SSHException

from deployer.board.base import OnOutput
from deployer.errors import BoardUnreachable

KEPT_BYTES = 16 << 20
"""How much of each stream is kept; the rest is passed to `on_output` and counted."""

DYING_S = 0.2
"""A lost connection closes its channels first and itself a moment later: how long we wait to know."""

_CHUNK = 1 << 16
_OPEN_TIMEOUT_S = 15.0
_TICK_S = 0.25


@dataclass
class Stream:
    """What one stream has said so far, up to KEPT_BYTES."""

    name: str
    kept: bytearray = field(default_factory=bytearray)
    dropped_bytes: int = 0

    def take(self, data: bytes) -> None:
        """Keep what still fits."""
        room = KEPT_BYTES - len(self.kept)
        self.kept += data[:room]
        self.dropped_bytes += max(0, len(data) - room)

    def contents(self) -> bytes:
        """What was kept, with a note where that is not all."""
        if not self.dropped_bytes:
            return bytes(self.kept)
        return bytes(self.kept) + f"\n[{self.dropped_bytes} more bytes of {self.name} not kept]\n".encode()


class PidMarker:
    """The line by which the remote shell tells its process id on stderr, before it becomes the program.

    What servers and shells say earlier (`Could not chdir to home directory`) passes through.
    """

    _PATIENCE_BYTES = 8192

    def __init__(self) -> None:
        self._token = f"@deploy-{secrets.token_hex(6)}"
        self._pattern = re.compile(rb"%s (\d+)\n" % self._token.encode())
        self._held: bytes | None = b""
        self.pid: int | None = None

    @property
    def command(self) -> str:
        """What the remote shell runs first."""
        return f'echo "{self._token} $$" >&2'

    def strip(self, data: bytes) -> bytes:
        """`data` without the marker; held back while the marker may still be cut in two."""
        if self._held is None:
            return data
        self._held += data
        found = self._pattern.search(self._held)
        if found is None and len(self._held) < self._PATIENCE_BYTES:
            return b""
        if found is not None:
            self.pid = int(found[1])
        passed = self._pattern.sub(b"", self._held, count=1)
        self._held = None
        return passed

    def rest(self) -> bytes:
        """What was held back to the end (the shell never came to say its id)."""
        held, self._held = self._held or b"", None
        return held


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended; `exit_status` None: by a signal, or still running at the deadline."""

    exit_status: int | None
    stdout: bytes
    stderr: bytes
    elapsed_ms: float
    timed_out: bool


class Exchange:
    """A command under way."""

    def __init__(
        self, transport: paramiko.Transport, address: str, command: str, *, marker: PidMarker | None = None
    ) -> None:
        self._transport = transport
        self._address = address
        self._marker = marker
        self._stdout = Stream("stdout")
        self._stderr = Stream("stderr")
        self._feed_error: BaseException | None = None
        self._started = self._ended = time.monotonic()
        try:
            self._channel = transport.open_session(timeout=_OPEN_TIMEOUT_S)
            self._channel.settimeout(_OPEN_TIMEOUT_S)
            self._poll = select.poll()
            self._poll.register(self._channel.fileno(), select.POLLIN)
            self._channel.exec_command(command.encode("utf-8", "surrogateescape"))
        except (SSHException, OSError, EOFError) as e:
            raise self._lost(e) from e

    def feed(self, data: Iterable[bytes]) -> None:
        """Send standard input beside the reading; a program that stops listening is no error."""
        threading.Thread(target=self._send, args=(data,), daemon=True).start()

    def wait(self, timeout_s: float, on_output: OnOutput | None) -> bool:
        """Read until the command has ended or `timeout_s` has passed; whether it has ended.

        Raises BoardUnreachable when the connection goes first, and what `feed`'s data raised.
        """
        deadline = time.monotonic() + timeout_s
        channel = self._channel
        while True:
            if self._feed_error is not None:
                raise self._feed_error
            got = self._read(on_output)
            # A command is over once both streams are and its status has come; then nothing can follow.
            if not got and channel.exit_status_ready() and (channel.eof_received or channel.closed):
                if not self._read(on_output):
                    self._ended = time.monotonic()
                    self._check_alive()
                    return True
                continue
            left = deadline - time.monotonic()
            if left <= 0:
                self._ended = time.monotonic()
                return False
            if not got:
                self._pause(min(left, _TICK_S))

    def result(self, *, timed_out: bool) -> Ended:
        """Close the channel and say how it went."""
        status = self._channel.recv_exit_status() if self._channel.exit_status_ready() else -1
        self._channel.close()
        if self._marker is not None:
            self._stderr.take(self._marker.rest())
        return Ended(
            exit_status=None if timed_out or status == -1 else status,
            stdout=self._stdout.contents(),
            stderr=self._stderr.contents(),
            elapsed_ms=1000 * (self._ended - self._started),
            timed_out=timed_out,
        )

    def _read(self, on_output: OnOutput | None) -> bool:
        got = False
        for stream, ready, receive in (
            (self._stdout, self._channel.recv_ready, self._channel.recv),
            (self._stderr, self._channel.recv_stderr_ready, self._channel.recv_stderr),
        ):
            while ready() and (data := receive(_CHUNK)):
                got = True
                if stream is self._stderr and self._marker is not None:
                    data = self._marker.strip(data)
                stream.take(data)
                if on_output is not None and data:
                    on_output(stream.name, data)
        return got

    def _pause(self, limit_s: float) -> None:
        if self._channel.eof_received:  # its descriptor stays readable from now on
            self._channel.status_event.wait(limit_s)
        else:
            self._poll.poll(1000 * limit_s)

    def _send(self, data: Iterable[bytes]) -> None:
        try:
            self._channel.settimeout(None)
            for chunk in data:
                if not self._sent(chunk):
                    return
            self._sent(None)
        except BaseException as e:  # from where the data come from: `wait` raises it
            self._feed_error = e
            self._channel.close()

    def _sent(self, chunk: bytes | None) -> bool:
        try:
            if chunk is None:
                self._channel.shutdown_write()
            else:
                self._channel.sendall(chunk)
        except (OSError, EOFError, SSHException):
            return False  # nobody listens any more; how the command ended is told by its status
        return True

    def _check_alive(self) -> None:
        """paramiko reports status -1 for a lost connection: that is no result."""
        if self._channel.recv_exit_status() != -1:
            return
        self._transport.join(DYING_S)
        if not self._transport.is_active():
            self._channel.close()
            raise self._lost(self._transport.get_exception())

    def _lost(self, cause: BaseException | None) -> BoardUnreachable:
        self._transport.join(DYING_S)
        if self._transport.is_active():
            return BoardUnreachable(
                f"{self._address}: the board refuses to start a command ({cause})",
                hint="it may be out of memory or processes; does `ssh` by hand work?",
            )
        said = f" ({cause})" if cause is not None and str(cause) else ""
        return BoardUnreachable(
            f"{self._address}: the connection was lost{said}",
            hint="did the board reboot or lose power or network? try again once it answers",
        )
