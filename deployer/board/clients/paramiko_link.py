"""A connection by paramiko, with its known traps avoided."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any

from paramiko.channel import Channel
from paramiko.common import cMSG_CHANNEL_REQUEST
from paramiko.message import Message
from paramiko.sftp import SFTPError
from paramiko.sftp_client import SFTPClient
from paramiko.ssh_exception import ChannelException, SSHException

from deployer.board.access.dial import round_trip_ms as tcp_round_trip_ms
from deployer.board.base import Link
from deployer.board.clients.link import Process, Sink, lost, refuses
from deployer.board.clients.transport import BoardTransport, Opening

DYING_S = 0.2
"""A lost connection closes its channels first and itself a moment later: how long we wait to know."""

OPEN_TIMEOUT_S = 15.0
SFTP_TIMEOUT_S = 15.0

_CAREFUL = "dropbear"  # see `turns`: there no channel opens while another may end

_CHUNK_BYTES = 1 << 16
_FULL_S = 5.0
_TICK_S = 0.25
_TURNED_AWAY_S = 0.05


class ParamikoConnection:
    """`Connection` over paramiko's transport. `below` are closed with it: the jump hosts, nearest last."""

    def __init__(
        self,
        transport: BoardTransport,
        address: str,
        *,
        sock: socket.socket | None = None,
        below: tuple[ParamikoConnection, ...] = (),
    ) -> None:
        self.transport = transport
        self.address = address
        self._sock = sock
        self._below = below
        self._lock, self._sftp_lock = threading.Lock(), threading.Lock()
        self._spare: Opening | None = None
        self._keeps_spare = _CAREFUL not in self.server
        self._sftp: SFTPClient | None = None
        self._sftp_missing = False
        self.window_bytes: int | None = None
        self._link: Link | None = None

    @property
    def server(self) -> str:
        """The server's greeting."""
        return self.transport.remote_version

    def start(self, command: str) -> Process:
        """Have the login shell run `command`. Raises BoardUnreachable."""
        try:
            return ParamikoProcess(self, self.open_channel(), command.encode("utf-8", "surrogateescape"))
        except (SSHException, OSError, EOFError) as e:
            raise self.failed(e) from e

    def open_channel(self) -> Channel:
        """A new session channel. A server that has its most of them (`MaxSessions`) is given time to end some."""
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is not None:
            channel = spare.finish(OPEN_TIMEOUT_S)
            if channel is not None:
                return channel
            self._keeps_spare = False  # the server allows no more channels than it has commands
        deadline = time.monotonic() + _FULL_S
        while True:
            try:
                return self.transport.open_session(timeout=OPEN_TIMEOUT_S)
            except SSHException as e:  # of two refusals at once, paramiko tells only one what it was
                refused = isinstance(e, ChannelException) or "Unable to open" in str(e)
                if not refused or not self.transport.is_active() or time.monotonic() > deadline:
                    raise
                time.sleep(_TURNED_AWAY_S)

    def open_next(self) -> None:
        """Ask for the next command's channel while this one runs: that saves it a round trip."""
        with self._lock:
            if self._keeps_spare and self._spare is None:
                with contextlib.suppress(SSHException, OSError, EOFError):
                    self._spare = self.transport.begin_session()

    def sftp(self) -> SFTPClient | None:
        """The board's SFTP, or None where it has no working server for it (asked once a connection)."""
        with self._sftp_lock:
            if self._sftp is None and not self._sftp_missing:
                try:
                    channel = self.open_channel()
                    channel.settimeout(SFTP_TIMEOUT_S)  # some servers accept and then say nothing
                    _request(channel, "subsystem", b"sftp")
                    self._sftp = SFTPClient(channel)
                except (SSHException, OSError, EOFError, SFTPError) as e:
                    self.check_alive(e)
                    self._sftp_missing = True
            return self._sftp

    def link(self) -> Link:
        """Greeting, window and round trip. Raises BoardUnreachable."""
        if self._link is None:
            if self.window_bytes is None:
                self._probe()
            round_trip_ms = None if self._below else tcp_round_trip_ms(self._sock)
            if round_trip_ms is None:  # the nearest hop's TCP knows nothing of what is behind
                started = time.monotonic()
                self._open_and_close()
                round_trip_ms = 1000 * (time.monotonic() - started)
            self._link = Link(
                client="paramiko",
                server=self.server,
                window_bytes=self.window_bytes,
                round_trip_ms=round_trip_ms,
            )
        return self._link

    def check_alive(self, cause: BaseException | None = None) -> None:
        """Raises BoardUnreachable when the connection is gone."""
        if cause is not None:
            self.transport.join(DYING_S)
        if not self.transport.is_active():
            raise lost(self.address) from cause

    def failed(self, cause: BaseException | None) -> Exception:
        """What to say of a channel that is gone: the connection is too, or the board refuses."""
        self.transport.join(DYING_S)
        if self.transport.is_active():
            return refuses(self.address, cause)
        return lost(self.address, cause or self.transport.get_exception())

    def close(self) -> None:
        """End it; harmless when it is gone."""
        if self._sftp is not None:
            with contextlib.suppress(OSError, EOFError, SSHException):
                self._sftp.close()
        self.transport.close()
        for one in reversed(self._below):
            one.close()

    def _probe(self) -> None:
        """A command that does nothing: OpenSSH opens its window only when one runs."""
        process = self.start("exit 0")
        process.send_eof()
        deadline = time.monotonic() + OPEN_TIMEOUT_S
        while not process.ended() and time.monotonic() < deadline:
            process.read(_TICK_S, lambda name, data: None)
        process.close()

    def _open_and_close(self) -> None:
        try:
            self.open_channel().close()
        except (SSHException, OSError, EOFError) as e:
            raise self.failed(e) from e


class ParamikoProcess:
    """`Process` on a paramiko channel."""

    def __init__(self, connection: ParamikoConnection, channel: Channel, command: bytes) -> None:
        self._connection = connection
        self._channel = channel
        self._wake = _Wake()
        for buffer in (channel.in_buffer, channel.in_stderr_buffer):
            buffer.set_event(self._wake)
        self._sent = False  # untouched, the window is what the server gives
        _request(channel, "exec", command)
        connection.open_next()

    def read(self, limit_s: float, sink: Sink) -> bool:
        """Hand over what has come, waiting at most `limit_s` for something; whether anything came."""
        self._wake.forget()
        got = self._take(sink)
        if not got and limit_s > 0 and not self.ended():
            self._pause(limit_s)
            got = self._take(sink)
        return got

    def ended(self) -> bool:
        """Both streams are over and read, and the status has come (or never will)."""
        channel = self._channel
        return bool(
            channel.exit_status_ready()
            and (channel.eof_received or channel.closed)
            and not channel.recv_ready()
            and not channel.recv_stderr_ready()
        )

    def status(self) -> int | None:
        """paramiko's -1 is a signal, a refusal or a lost connection: only the first is a result."""
        status = self._channel.recv_exit_status()
        if status != -1:
            return status
        transport = self._connection.transport
        transport.join(DYING_S)
        if self._accepted() and transport.is_active():
            return None
        self._shut()
        cause = SSHException("Channel closed.") if transport.is_active() else transport.get_exception()
        raise self._connection.failed(cause)

    def send(self, data: bytes) -> bool:
        """Write to standard input; False when nobody listens: how the command ended is told by its status."""
        self._sent = True
        try:
            self._channel.sendall(data)
        except (OSError, EOFError, SSHException):
            return False
        return True

    def send_eof(self) -> None:
        """End standard input."""
        with contextlib.suppress(OSError, EOFError, SSHException):
            self._channel.shutdown_write()

    def close(self) -> None:
        """Let go of the channel."""
        if not self._sent and self._accepted() and self._channel.out_window_size:
            self._connection.window_bytes = self._channel.out_window_size
        self._shut()

    def _shut(self) -> None:
        with contextlib.suppress(OSError, EOFError, SSHException):  # the connection may be gone by now
            self._channel.close()

    def _accepted(self) -> bool:
        return bool(self._channel.event_ready)

    def _take(self, sink: Sink) -> bool:
        got = False
        channel = self._channel
        for name, ready, receive in (
            ("stdout", channel.recv_ready, channel.recv),
            ("stderr", channel.recv_stderr_ready, channel.recv_stderr),
        ):
            while ready() and (data := receive(_CHUNK_BYTES)):
                got = True
                sink(name, data)
        return got

    def _pause(self, limit_s: float) -> None:
        if self._channel.eof_received:
            self._channel.status_event.wait(limit_s)
        else:
            self._wake.wait(limit_s)


class _Wake(threading.Event):
    """Set by whatever comes on a channel.

    `Channel.fileno` would do too, but its pipe may be closed while paramiko's thread writes to it, and with that
    error the whole connection ends.
    """

    def clear(self) -> None:
        """Called by each of two buffers that has become empty, which says nothing of the other."""

    def forget(self) -> None:
        """From here on, only what comes later counts."""
        super().clear()


def _request(channel: Channel, kind: str, what: bytes) -> None:
    """Ask for a command or subsystem without waiting for the yes: input follows at once, a no closes the channel.

    paramiko's own calls would wait a round trip, and for ever if no answer comes.
    """
    message = Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string(kind)
    message.add_boolean(True)
    message.add_string(what)
    inner: Any = channel
    inner._event_pending()
    inner.transport._send_user_message(message)
