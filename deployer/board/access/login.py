"""Logging in with paramiko: nothing, keys, agent, password, the server's questions, in this order."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from paramiko.pkey import PKey
from paramiko.ssh_exception import (
    AuthenticationException,
    BadAuthenticationType,
    PasswordRequiredException,
    SSHException,
)
from paramiko.transport import Transport

from deployer.board.access import passwords
from deployer.board.access.passwords import Secret
from deployer.board.access.ssh_config import Route
from deployer.board.config import BoardConfig
from deployer.errors import ConfigError, LoginRefused

_USUAL = frozenset({"publickey", "password"})


class OnlySha1(LoginRefused):
    """An RSA key was refused by a server that may know it by a SHA-1 signature only, which paramiko cannot make."""


def log_in(transport: Transport, route: Route) -> None:
    """Without anything first (factory images; it also tells what is allowed), then keys, then password.

    Raises LoginRefused, ConfigError.
    """
    attempt = _Attempt(transport, route)
    try:
        if attempt.all():
            return
    except (SSHException, OSError, EOFError) as e:
        raise LoginRefused(
            f"{route.config.address}: the board ended the log-in ({reason(e)}) after {attempt.listed()}",
            hint="its sshd log says why; too many keys in an agent can do it: set `key:`",
        ) from e.with_traceback(None)  # its frames hold the password
    raise attempt.refusal()


def reason(error: BaseException) -> str:
    """An exception's first line, or its name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


class _Attempt:
    """One log-in; `allowed` is what the server would take next."""

    def __init__(self, transport: Transport, route: Route) -> None:
        self._transport = transport
        self._route = route
        self._user = route.config.user
        self._tried: list[str] = []
        self._rsa_refused = False
        self._allowed: frozenset[str] = _USUAL

    def all(self) -> bool:
        """Try everything that is allowed; whether we are in."""
        return self._by_nothing() or self._by_keys() or self._by_password()

    def listed(self) -> str:
        """What was tried, in words."""
        return ", ".join(["no credentials", *self._tried])

    def refusal(self) -> LoginRefused:
        """The error when nothing served."""
        config = self._route.config
        kind = OnlySha1 if self._rsa_refused and not self._knows_sha2() else LoginRefused
        return kind(
            f"{config.address}: log-in refused; tried {self.listed()}",
            hint=passwords.cure(config, ", ".join(sorted(self._allowed))),
        )

    def _by_nothing(self) -> bool:
        return self._try(None, lambda: self._transport.auth_none(self._user))

    def _by_keys(self) -> bool:
        for label, key in _keys(self._route):
            if "publickey" not in self._allowed:
                break
            if self._try(label, lambda key=key: self._transport.auth_publickey(self._user, key)):  # type: ignore[misc]
                return True
            self._rsa_refused |= key.get_name() == "ssh-rsa"
        return False

    def _by_password(self) -> bool:
        config = self._route.config
        label = passwords.source(config)
        if label is None or not self._allowed & {"password", "keyboard-interactive"}:
            return False
        secret = passwords.find(config)
        assert secret is not None, "a source gives a secret"
        ways: tuple[tuple[str, str, Callable[[], Sequence[str]]], ...] = (
            (
                "password",
                label,
                lambda: self._transport.auth_password(self._user, secret.reveal(), fallback=False),
            ),
            (
                "keyboard-interactive",
                f"{label}, as an answer",
                lambda: self._transport.auth_interactive(self._user, _answers(secret)),
            ),
        )
        for kind, words, way in ways:
            if kind in self._allowed and self._try(words, way):
                return True
        passwords.was_wrong(config)
        return False

    def _try(self, label: str | None, way: Callable[[], Sequence[str]]) -> bool:
        if label is not None:
            self._tried.append(label)
        try:
            further = way()
        except BadAuthenticationType as e:
            self._allowed = frozenset(e.allowed_types)
            return False
        except AuthenticationException:
            if not self._transport.is_active():
                raise  # the server has hung up: what else there is to try will not be heard
            return False
        if self._transport.is_authenticated():
            return True
        self._allowed = frozenset(further or self._allowed)  # that was one part of what it wants
        return False

    def _knows_sha2(self) -> bool:
        transport: Any = self._transport
        known: bytes = transport.server_extensions.get("server-sig-algs", b"")
        return b"rsa-sha2-" in known


def _answers(secret: Secret) -> Callable[[str, str, list[tuple[str, bool]]], list[str]]:
    """To each question whose answer is not shown, the password."""

    def answer(title: str, instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        return ["" if shown else secret.reveal() for _, shown in prompts]

    return answer


def _keys(route: Route) -> Iterator[tuple[str, PKey]]:
    """The configured key alone, or else the agent's and the user's usual ones."""
    config = route.config
    if config.key is not None:
        yield f"key {config.key}", read_key(config.key.expanduser(), config)
        return
    if not route.keys_only:
        from paramiko.agent import Agent

        agent = Agent()
        try:
            for key in agent.get_keys():
                yield "a key of the agent", key
        finally:
            agent.close()
    for path in route.keys:
        with contextlib.suppress(LoginRefused, ConfigError):
            yield f"key {path}", read_key(path, config)


def read_key(path: Path, config: BoardConfig) -> PKey:
    """A private key. Raises LoginRefused where it has a passphrase, ConfigError where it is none."""
    try:
        return PKey.from_path(path)
    except (PasswordRequiredException, SSHException, ValueError, TypeError, OSError) as e:
        locked = isinstance(e, PasswordRequiredException)
        if locked or "password" in str(e).lower() or "encrypted" in str(e).lower():
            raise LoginRefused(
                f"board {config.name}: key {path} has a passphrase",
                hint=f"load it into the agent (ssh-add {path}) and leave `key:` out",
            ) from e
        raise ConfigError(
            f"board {config.name}: key {path} cannot be read: {reason(e)}",
            hint="give a private key in OpenSSH or PEM format",
        ) from e
