"""From a board's settings to a logged-in connection, by the client that can reach it."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

from deployer.board.access import hostkeys, memory, passwords, ssh_config
from deployer.board.access.dial import open_socket
from deployer.board.access.ssh_config import Route
from deployer.board.clients.link import Connection, Incompatible
from deployer.board.config import BoardConfig
from deployer.errors import ConfigError, LoginRefused
from deployer.events import Emit, Warned

__all__ = ["connect", "forget", "open_socket"]

CLIENT = "client"
"""Under which name it is remembered that a board needs the OpenSSH client."""


def connect(config: BoardConfig, *, folder: Path, emit: Emit) -> Connection:
    """Connect, check the host key, log in. Raises BoardUnreachable, LoginRefused, ConfigError."""
    route = ssh_config.resolve(config)
    _check(route.config)
    client = config.client
    if client == "auto":
        client = "openssh" if memory.recall(route.config, CLIENT, folder=folder) == "openssh" else "auto"
    if client == "openssh":
        return _by_openssh(route, folder=folder, emit=emit)
    try:
        return _by_paramiko(route, folder=folder, emit=emit)
    except (Incompatible, LoginRefused) as e:
        if client == "paramiko" or not _another_may(e):
            raise
        emit(Warned(step="connect", message=f"{e}; trying the `ssh` program"))
        connection = _by_openssh(route, folder=folder, emit=emit)
    memory.remember(route.config, CLIENT, "openssh", folder=folder)
    return connection


def forget(config: BoardConfig, *, folder: Path | None = None) -> bool:
    """Forget a board's host keys and what was found out about it; whether a host key was known."""
    full = ssh_config.resolve(config).config
    memory.forget(full, folder=folder)
    return hostkeys.forget(full, folder=folder)


def _check(config: BoardConfig) -> None:
    if config.key is not None and not config.key.expanduser().is_file():
        raise ConfigError(f"board {config.name}: no key file {config.key}", hint="correct `key:`")
    passwords.check(config)


def _another_may(error: Exception) -> bool:
    """Whether the OpenSSH client may get in where paramiko did not: it still has SHA-1."""
    from deployer.board.access.login import OnlySha1

    return isinstance(error, Incompatible | OnlySha1)


def _by_openssh(route: Route, *, folder: Path, emit: Emit) -> Connection:
    from deployer.board.clients import openssh

    return openssh.open_route(route, folder=folder, emit=emit)


def _by_paramiko(route: Route, *, folder: Path, emit: Emit) -> Connection:
    """While the first connection is made, paramiko is loaded: the server's greeting takes its time too."""
    first = (route.through or (route,))[0]
    dialling = None
    if "paramiko" not in sys.modules and first.proxy_command is None:
        dialling = _Dialling(first.config)
    from deployer.board.access.lean import load_paramiko

    load_paramiko()
    from deployer.board.access import handshake

    dial = open_socket if dialling is None else dialling.dial
    return handshake.open_route(route, dial, folder=folder, emit=emit)


class _Dialling:
    """A TCP connection that is being made in another thread."""

    def __init__(self, config: BoardConfig) -> None:
        self._config = config
        self._sock: socket.socket | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def dial(self, config: BoardConfig) -> socket.socket:
        """That connection, to whoever asks first for its place."""
        if config is not self._config:
            return open_socket(config)
        self._thread.join()
        sock, self._sock = self._sock, None
        if sock is None:
            raise self._error or AssertionError("asked twice")
        return sock

    def _run(self) -> None:
        try:
            self._sock = open_socket(self._config)
        except BaseException as e:
            self._error = e
