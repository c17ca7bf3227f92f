"""A TCP connection to a board, and every way this can fail in words an operator can act on."""

from __future__ import annotations

import errno
import socket
import struct
from typing import Any

from deployer.board.config import BoardConfig
from deployer.errors import BoardUnreachable

_TCP_RTT_OFFSETS = (148, 68)
"""In struct tcp_info (linux/tcp.h): tcpi_min_rtt, and tcpi_rtt for kernels before 4.6, both in microseconds."""

_NEVER_US = 2**32 - 1
_STALLED_MS = 20_000
"""After this long without an acknowledgement the kernel gives the connection up."""


def open_socket(config: BoardConfig) -> socket.socket:
    """A TCP connection without Nagle's delay (with it every command takes 40 ms longer)."""
    place = config.address
    try:
        sock = socket.create_connection((_host(config.host), config.port), timeout=config.connect_timeout_s)
    except (socket.gaierror, UnicodeError) as e:
        raise BoardUnreachable(
            f"{place}: no such host: {getattr(e, 'strerror', None) or e}",
            hint="check the spelling, or give an IP address",
        ) from e
    except ConnectionRefusedError as e:
        raise BoardUnreachable(
            f"{place}: connection refused",
            hint="the machine answers but nothing listens there: is sshd started, is the port right?",
        ) from e
    except TimeoutError as e:
        raise BoardUnreachable(
            f"{place}: no answer within {config.connect_timeout_s:g} s",
            hint="is the board powered and on this network? a firewall may drop the packets",
        ) from e
    except OSError as e:
        unroutable = e.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH)
        raise BoardUnreachable(
            f"{place}: {e.strerror or e}",
            hint="is the board powered and on this network?" if unroutable else "check address and network",
        ) from e
    tune(sock)
    return sock


def _host(name: str) -> Any:
    """As bytes, which the resolver takes as they are: for a text Python loads its tables of foreign scripts."""
    return name.encode("ascii") if name.isascii() else name


def tune(sock: socket.socket) -> None:
    """Send at once, notice a dead peer."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_USER_TIMEOUT", _STALLED_MS), ("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 5)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def round_trip_ms(sock: socket.socket | None) -> float | None:
    """The kernel's own measure of the peer, where it tells (Linux)."""
    if sock is None or not hasattr(socket, "TCP_INFO"):
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    except OSError:
        return None
    for offset in _TCP_RTT_OFFSETS:
        if len(info) >= offset + 4:
            rtt_us: int = struct.unpack_from("=I", info, offset)[0]
            if 0 < rtt_us < _NEVER_US:
                return rtt_us / 1000
    return None
