"""A logged-in connection by paramiko: TCP or what stands in for it, key exchange, host key, log-in."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paramiko.channel import Channel
from paramiko.ssh_exception import ChannelException, IncompatiblePeer, SSHException
from paramiko.transport import Transport

from deployer.board.access import hostkeys
from deployer.board.access.hostkeys import HostKey
from deployer.board.access.login import log_in, reason
from deployer.board.access.ssh_config import Route
from deployer.board.clients.link import Incompatible
from deployer.board.clients.paramiko_link import ParamikoConnection
from deployer.board.clients.transport import BoardTransport
from deployer.board.config import BoardConfig
from deployer.errors import BoardUnreachable
from deployer.events import Emit, Logged

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # else its tracebacks go to our stderr

_WINDOW_BYTES = 1 << 21
Dial = Callable[[BoardConfig], socket.socket]


def open_route(route: Route, dial: Dial, *, folder: Path, emit: Emit) -> ParamikoConnection:
    """Connect through the jump hosts, check each host key, log in everywhere.

    `dial` opens TCP connections. Raises BoardUnreachable (Incompatible: no common algorithms), LoginRefused,
    ConfigError.
    """
    below: list[ParamikoConnection] = []
    try:
        for hop in (*route.through, route):
            below.append(_open(hop, tuple(below), dial, folder=folder, emit=emit))
    except BaseException:
        for one in reversed(below):
            one.close()
        raise
    return below[-1]


def _open(
    route: Route, below: tuple[ParamikoConnection, ...], dial: Dial, *, folder: Path, emit: Emit
) -> ParamikoConnection:
    config = route.config
    sock: Any = _through(below[-1], config) if below else None
    tcp = None
    if sock is None and route.proxy_command is not None:
        from deployer import shell

        sock = shell.socket_of(["sh", "-c", f"exec {route.proxy_command}"])
    elif sock is None:
        sock = tcp = dial(config)
    try:
        transport = BoardTransport(sock, default_window_size=_WINDOW_BYTES)
    except SSHException as e:
        raise BoardUnreachable(f"{config.address}: {reason(e)}", hint="try again") from e
    try:
        _prefer_known_keys(transport, config, folder)
        _handshake(transport, config)
        key = transport.get_remote_server_key()
        first = hostkeys.check(config, HostKey(kind=key.get_name(), base64=key.get_base64()), folder)
        if first is not None:
            emit(Logged(step="connect", line=f"{config.address}: first contact, host key {first} remembered"))
        transport.auth_timeout = max(config.connect_timeout_s, 1.0)
        log_in(transport, route)
    except BaseException:
        transport.close()
        raise
    return ParamikoConnection(transport, config.address, sock=tcp, below=below)


def _through(jump: ParamikoConnection, config: BoardConfig) -> Channel:
    """A connection from the jump host on to the next."""
    place = (config.host, config.port)
    try:
        return jump.transport.open_channel(
            "direct-tcpip", place, ("127.0.0.1", 0), timeout=config.connect_timeout_s
        )
    except (SSHException, OSError, EOFError) as e:
        forbidden = isinstance(e, ChannelException) and e.code == 1
        raise BoardUnreachable(
            f"{config.address}: the jump host {jump.address} cannot connect to it ({reason(e)})",
            hint="its sshd forbids forwarding (AllowTcpForwarding)"
            if forbidden
            else "is the board powered, and can the jump host reach it?",
        ) from e


def _prefer_known_keys(transport: Transport, config: BoardConfig, folder: Path) -> None:
    """Ask for the kind of host key that is known: a board that has several is no changed board."""
    known = hostkeys.known_keys(config, folder)
    if not known or config.host_key == "off":
        return
    options = transport.get_security_options()
    first = [kind for kind in options.key_types if kind in known or ("rsa" in kind and "ssh-rsa" in known)]
    options.key_types = (*first, *(kind for kind in options.key_types if kind not in first))


def _handshake(transport: Transport, config: BoardConfig) -> None:
    transport.banner_timeout = transport.handshake_timeout = config.connect_timeout_s
    started = time.monotonic()
    try:
        transport.start_client(timeout=config.connect_timeout_s)
        if not transport.initial_kex_done:  # at its time limit it returns without a word
            raise SSHException("no greeting")
    except IncompatiblePeer as e:
        raise Incompatible(
            f"{config.address}: no common SSH algorithms: {e}",
            hint="its SSH server is too old (SHA-1 only) for paramiko; with `client: auto` or `client: openssh` "
            "it is reached by the `ssh` program",
        ) from e
    except (SSHException, OSError, EOFError) as e:
        if time.monotonic() - started >= 0.9 * config.connect_timeout_s:
            raise BoardUnreachable(
                f"{config.address}: connected, but no SSH greeting within {config.connect_timeout_s:g} s",
                hint="something else may listen on that port, or the board hangs",
            ) from e
        raise BoardUnreachable(
            f"{config.address}: what answers there is not an SSH server ({reason(e)})",
            hint="check the port; if it is right, the board's sshd may be refusing more connections",
        ) from e
