"""One command on an open connection: streams kept apart, bounded, with a deadline, and nothing mistaken."""

from __future__ import annotations

import contextlib
import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from deployer import interrupts
from deployer.board.base import Completed, OnOutput
from deployer.board.clients.link import Process
from deployer.errors import BoardUnreachable

KEPT_BYTES = 16 << 20
"""How much of each stream is kept; the rest is passed to `on_output` and counted."""

_TICK_S = 0.25
_ABANDON_S = 1.0
_TOKEN = f"@deploy-{os.urandom(6).hex()}"
_MARKER = re.compile(rb"%s (\d+)\n" % _TOKEN.encode())


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

    command = f'echo "{_TOKEN} $$" >&2'
    """What the remote shell runs first."""

    _PATIENCE_BYTES = 8192

    def __init__(self) -> None:
        self._held: bytes | None = b""
        self.pid: int | None = None

    @property
    def missing(self) -> bool:
        """Whether the shell has not told its id, and said little else."""
        return self._held is not None

    def strip(self, data: bytes) -> bytes:
        """`data` without the marker; held back while the marker may still be cut in two."""
        if self._held is None:
            return data
        self._held += data
        found = _MARKER.search(self._held)
        if found is None and len(self._held) < self._PATIENCE_BYTES:
            return b""
        if found is not None:
            self.pid = int(found[1])
        passed = _MARKER.sub(b"", self._held, count=1)
        self._held = None
        return passed

    def rest(self) -> bytes:
        """What was held back to the end (the shell never came to say its id)."""
        held, self._held = self._held or b"", None
        return held


class Exchange:
    """A command under way."""

    def __init__(
        self, process: Process, *, marker: PidMarker | None = None, on_output: OnOutput | None = None
    ) -> None:
        self._process = process
        self._marker = marker
        self._on_output = on_output
        self._stdout = Stream("stdout")
        self._stderr = Stream("stderr")
        self._status: int | None = None
        self._feed_error: BaseException | None = None
        self._fed_at: float | None = (
            None  # when the board last took input; None without any, or after all of it
        )
        self._started = self._ended = time.monotonic()

    def wait_started(self, limit_s: float) -> None:
        """Until the remote shell has told its process id, or has ended without."""
        deadline = time.monotonic() + limit_s
        while self._marker is not None and self._marker.pid is None and not self._process.ended():
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._process.read(min(left, _TICK_S), self._take)
            interrupts.check()

    def feed(self, data: Iterable[bytes], *, before_end: Callable[[], None] = lambda: None) -> None:
        """Send standard input beside the reading; a program that stops listening is no error.

        `before_end` is called before the input's end is told.
        """
        if data == ():
            self._process.send_eof()  # nothing to send: no thread
            return
        threading.Thread(target=self._send, args=(data, before_end), daemon=True).start()

    def stalled_s(self) -> float:
        """For how long the board has taken none of the input that waits for it."""
        fed_at = self._fed_at
        return 0.0 if fed_at is None else time.monotonic() - fed_at

    def wait(self, timeout_s: float, *, stall_s: float = math.inf) -> bool:
        """Read until the command has ended, `timeout_s` has passed or no input was taken for `stall_s`.

        Whether it has ended. Raises BoardUnreachable when the connection goes first, and what `feed`'s data
        raised.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            left = deadline - time.monotonic()
            self._process.read(min(max(left, 0.0), _TICK_S), self._take)
            interrupts.check()
            ended = self._process.ended()
            if self._feed_error is not None:  # it has ended the input, which then looks like an end
                raise self._feed_error
            if ended:
                self._ended = time.monotonic()
                self._status = self._process.status()
                return True
            if left <= 0 or self.stalled_s() > stall_s:
                self._ended = time.monotonic()
                return False

    def result(self, *, timed_out: bool) -> Completed:
        """Close the channel and say how it went."""
        self._process.close()
        if self._marker is not None:
            self._stderr.take(self._marker.rest())
        return Completed(
            exit_status=None if timed_out else self._status,
            stdout=self._stdout.contents(),
            stderr=self._stderr.contents(),
            elapsed_ms=1000 * (self._ended - self._started),
            timed_out=timed_out,
        )

    def abandon(self) -> None:
        """End the input and close the channel; the command gets a moment to end by that."""
        self._on_output = None
        with contextlib.suppress(BoardUnreachable):
            self._process.send_eof()
            deadline = time.monotonic() + _ABANDON_S
            while not self._process.ended() and time.monotonic() < deadline:
                self._process.read(_TICK_S, self._take)
        self._process.close()

    def _take(self, name: str, data: bytes) -> None:
        stream = self._stdout if name == "stdout" else self._stderr
        if stream is self._stderr and self._marker is not None:
            data = self._marker.strip(data)
        stream.take(data)
        if self._on_output is not None and data:
            self._on_output(name, data)

    def _send(self, data: Iterable[bytes], before_end: Callable[[], None]) -> None:
        try:
            for chunk in data:
                self._fed_at = time.monotonic()
                if not self._process.send(chunk):
                    self._fed_at = None
                    return
            self._fed_at = None
            before_end()
            self._process.send_eof()
        except BaseException as e:  # from where the data come from: `wait` raises it
            self._feed_error = e
            self._fed_at = None
            before_end()
            self._process.send_eof()
