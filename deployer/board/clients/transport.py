"""paramiko's transport, made to ask for the log-in service once a connection and no more."""

from __future__ import annotations

import threading
from typing import Any

from paramiko.channel import Channel
from paramiko.common import cMSG_CHANNEL_OPEN, cMSG_SERVICE_REQUEST
from paramiko.message import Message
from paramiko.packet import Packetizer
from paramiko.ssh_exception import SSHException
from paramiko.transport import Transport

LONGEST_PACKET_BYTES = 256 * 1024
"""What OpenSSH takes at most, in either role; RFC 4253, 6.1, asks for 35,000."""


class BoundedPacketizer(Packetizer):
    """Refuses a length that no server means. paramiko would wait, for good, until as many bytes have come."""

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """As the parent's; raises SSHException."""
        if n > LONGEST_PACKET_BYTES:
            raise SSHException(f"a packet that says it has {n} bytes")
        return super().read_all(n, check_rekey)


class BoardTransport(Transport):
    """A transport on which several ways to log in can be tried one after the other.

    The plain transport repeats the service request for each, at which some servers hang up. paramiko's own
    remedy, `ServiceRequestingTransport`, loses answers that come at once: about one log-in in a hundred on
    loopback then waits out its time limit.
    """

    def __init__(self, sock: Any, **kwargs: Any) -> None:
        self._service_requested = False
        super().__init__(sock, packetizer_class=BoundedPacketizer, **kwargs)
        # GCM first: one pass over the bytes in place of two, a third less work at both ends where it is known.
        options = self.get_security_options()
        options.ciphers = sorted(options.ciphers, key=lambda name: "-gcm" not in name)

    def get_exception(self) -> Exception | None:
        """What ended the connection. A garbled message breaks each parser in its own way."""
        error = super().get_exception()
        if error is None or isinstance(error, (SSHException, OSError, EOFError)):
            return error
        garbled = SSHException(f"a garbled message: {str(error) or type(error).__name__}")
        garbled.__cause__ = error
        return garbled

    def _send_message(self, data: Message) -> None:
        if data.asbytes()[:1] == cMSG_SERVICE_REQUEST:
            if self._service_requested:
                handler: Any = self.auth_handler
                handler._parse_service_accept(_service_accepted())  # as if the server had answered again
                return
            self._service_requested = True
        super()._send_message(data)  # type: ignore[misc]

    def begin_session(self) -> Opening:
        """Ask for a session channel, without waiting for the answer as `open_session` does."""
        inner: Any = self
        with inner.lock:
            window, packet = inner._sanitize_window_size(None), inner._sanitize_packet_size(None)
            number = inner._next_channel()
            message = Message()
            message.add_byte(cMSG_CHANNEL_OPEN)
            message.add_string("session")
            for value in (number, window, packet):
                message.add_int(value)
            channel: Any = Channel(number)
            inner._channels.put(number, channel)
            inner.channel_events[number] = answered = threading.Event()
            inner.channels_seen[number] = True
            channel._set_transport(self)
            channel._set_window(window, packet)
        inner._send_user_message(message)
        return Opening(self, channel, answered)


class Opening:
    """A session channel that has been asked for."""

    def __init__(self, transport: BoardTransport, channel: Channel, answered: threading.Event) -> None:
        self._transport = transport
        self._channel = channel
        self._answered = answered

    def finish(self, timeout_s: float) -> Channel | None:
        """The channel; None where the server has refused it or closed it again, or says nothing."""
        inner: Any = self._transport
        self._answered.wait(timeout_s)
        if inner.is_active() and inner._channels.get(self._channel.get_id()) is None:
            inner.get_exception()  # a refusal that is nobody else's
        there = self._answered.is_set() and inner._channels.get(self._channel.get_id()) is not None
        return self._channel if there and not self._channel.closed else None


def _service_accepted() -> Message:
    message = Message()
    message.add_string("ssh-userauth")
    message.rewind()
    return message
