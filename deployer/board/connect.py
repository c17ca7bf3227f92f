"""From an address to a logged-in connection; every way this can fail in words an operator can act on."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
from paramiko.ssh_exception import (
    AuthenticationException,
    BadAuthenticationType,
    IncompatiblePeer,
    PasswordRequiredException,
    SSHException,
)

from deployer.board import hostkeys
from deployer.board.config import BoardConfig
from deployer.board.transport import BoardTransport
from deployer.errors import BoardUnreachable, ConfigError, LoginRefused
from deployer.events import Emit, Logged

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # else its tracebacks go to our stderr

_STALLED_MS = 20_000
"""After this long without an acknowledgement the kernel gives the connection up."""

_WINDOW_BYTES = 1 << 21


def connect(config: BoardConfig, *, folder: Path, emit: Emit) -> paramiko.Transport:
    """Connect, check the host key, log in. Raises BoardUnreachable, LoginRefused, ConfigError."""
    _check_secrets(config)
    sock = open_socket(config)
    transport = BoardTransport(sock, default_window_size=_WINDOW_BYTES)
    try:
        _handshake(transport, config)
        first = hostkeys.check(config, transport.get_remote_server_key(), folder)
        if first is not None:
            emit(Logged(step="connect", line=f"{config.address}: first contact, host key {first} remembered"))
        transport.auth_timeout = config.connect_timeout_s
        _log_in(transport, config)
    except BaseException:
        transport.close()
        raise
    return transport


def open_socket(config: BoardConfig) -> socket.socket:
    """A TCP connection without Nagle's delay (with it every command takes 40 ms longer)."""
    place = config.address
    try:
        sock = socket.create_connection((config.host, config.port), timeout=config.connect_timeout_s)
    except socket.gaierror as e:
        raise BoardUnreachable(
            f"{place}: no such host: {e.strerror}", hint="check the spelling, or give an IP address"
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
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_USER_TIMEOUT", _STALLED_MS), ("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 5)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return sock


def _handshake(transport: paramiko.Transport, config: BoardConfig) -> None:
    transport.banner_timeout = transport.handshake_timeout = config.connect_timeout_s
    started = time.monotonic()
    try:
        transport.start_client(timeout=config.connect_timeout_s)
        if not transport.initial_kex_done:  # at its time limit it returns without a word
            raise SSHException("no greeting")
    except IncompatiblePeer as e:
        raise BoardUnreachable(
            f"{config.address}: no common SSH algorithms: {e}",
            hint="its SSH server is too old (SHA-1 only) for this client; a newer dropbear or sshd is needed",
        ) from e
    except (SSHException, OSError, EOFError) as e:
        if time.monotonic() - started >= 0.9 * config.connect_timeout_s:
            raise BoardUnreachable(
                f"{config.address}: connected, but no SSH greeting within {config.connect_timeout_s:g} s",
                hint="something else may listen on that port, or the board hangs",
            ) from e
        raise BoardUnreachable(
            f"{config.address}: what answers there is not an SSH server ({_reason(e)})",
            hint="check the port; if it is right, the board's sshd may be refusing more connections",
        ) from e


def _reason(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]


def _check_secrets(config: BoardConfig) -> None:
    if config.key is not None and not config.key.expanduser().is_file():
        raise ConfigError(f"board {config.name}: no key file {config.key}", hint="correct `key:`")
    if config.password_env is not None and config.password_env not in os.environ:
        raise ConfigError(
            f"board {config.name}: the environment variable {config.password_env} is not set",
            hint=f"it should hold the password: read -rs {config.password_env}; export {config.password_env}",
        )


def _log_in(transport: paramiko.Transport, config: BoardConfig) -> None:
    """Without anything first (factory images; it also tells what is allowed), then keys, then password."""
    tried = []
    try:
        try:
            transport.auth_none(config.user)
            return
        except BadAuthenticationType as e:
            allowed = set(e.allowed_types)
        except AuthenticationException:
            allowed = {"publickey", "password"}
        if "publickey" in allowed:
            for label, key in _keys(config):
                tried.append(label)
                with contextlib.suppress(AuthenticationException):
                    transport.auth_publickey(config.user, key)
                    if transport.is_authenticated():
                        return
        if config.password_env is not None and allowed & {"password", "keyboard-interactive"}:
            tried.append(f"the password in {config.password_env}")
            with contextlib.suppress(AuthenticationException):
                transport.auth_password(config.user, os.environ[config.password_env])
                if transport.is_authenticated():
                    return
    except (SSHException, OSError, EOFError) as e:
        raise LoginRefused(
            f"{config.address}: the board ended the log-in ({_reason(e)}) after {_listed(tried)}",
            hint="its sshd log says why; too many keys in an agent can do it: set `key:`",
        ) from e
    raise LoginRefused(
        f"{config.address}: log-in refused; tried {_listed(tried)}",
        hint=f"the board allows {', '.join(sorted(allowed))}: set `key:` or `password_env:` "
        f"for {config.name}, and check the user",
    )


def _listed(tried: list[str]) -> str:
    return ", ".join(["no credentials", *tried])


def _keys(config: BoardConfig) -> Iterator[tuple[str, paramiko.PKey]]:
    """The configured key alone, or else the agent's and the user's usual ones."""
    if config.key is not None:
        yield f"key {config.key}", _read_key(config.key.expanduser(), config)
        return
    agent = paramiko.Agent()
    try:
        for key in agent.get_keys():
            yield "a key of the agent", key
    finally:
        agent.close()
    for name in ("id_ed25519", "id_ecdsa", "id_rsa"):
        path = Path.home() / ".ssh" / name
        if path.is_file():
            with contextlib.suppress(LoginRefused, ConfigError):
                yield f"key ~/.ssh/{name}", _read_key(path, config)


def _read_key(path: Path, config: BoardConfig) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(path)
    except PasswordRequiredException as e:
        raise LoginRefused(
            f"board {config.name}: key {path} has a passphrase",
            hint=f"load it into the agent (ssh-add {path}) and leave `key:` out",
        ) from e
    except (SSHException, ValueError, TypeError, OSError) as e:
        if "password" in str(e).lower() or "encrypted" in str(e).lower():
            raise LoginRefused(
                f"board {config.name}: key {path} has a passphrase",
                hint=f"load it into the agent (ssh-add {path}) and leave `key:` out",
            ) from e
        raise ConfigError(
            f"board {config.name}: key {path} cannot be read: {_reason(e)}",
            hint="give a private key in OpenSSH or PEM format",
        ) from e
