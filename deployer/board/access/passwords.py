"""Passwords: from the environment, the system's keyring or a prompt, and nowhere else.

A password is held in a `Secret`, whose `repr` does not tell it, and is looked up only when a board asks for one.
"""

from __future__ import annotations

import os
import threading

from deployer.board.config import BoardConfig
from deployer.errors import ConfigError, LoginRefused

KEYRING_SERVICE = "deploy"

_asked: dict[str, Secret] = {}
_asking = threading.Lock()


class Secret:
    """A text that shows itself only to `reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text, for the one call that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written down")


def source(config: BoardConfig) -> str | None:
    """Where the board's password comes from, in words; None where it has none."""
    if config.password_env is not None:
        return f"the password in {config.password_env}"
    if config.password_keyring is not None:
        return f"the keyring's password of {config.password_keyring}"
    return "the password asked for" if config.password_prompt else None


def cure(config: BoardConfig, allowed: str) -> str:
    """The hint after a refused log-in, by what was already there to try with."""
    given = source(config)
    if given is not None:
        return f"the board allows {allowed}: is {given} right for {config.user}?"
    if config.key is not None:
        return f"the board allows {allowed}: does it know the key {config.key} for {config.user}?"
    return f"the board allows {allowed}: set `key:` or `password_env:` for {config.name}, and check the user"


def check(config: BoardConfig) -> None:
    """Raises ConfigError where the variable that should hold the password is not set."""
    if config.password_env is not None and config.password_env not in os.environ:
        raise ConfigError(
            f"board {config.name}: the environment variable {config.password_env} is not set",
            hint=f"it should hold the password: read -rs {config.password_env}; export {config.password_env}",
        )


def find(config: BoardConfig) -> Secret | None:
    """The board's password, None where none is configured. Asked for at a terminal once a process.

    Raises ConfigError where the source has none.
    """
    if config.password_env is not None:
        check(config)
        return Secret(os.environ[config.password_env])
    if config.password_keyring is not None:
        return _from_keyring(config, config.password_keyring)
    return _from_terminal(config) if config.password_prompt else None


def was_wrong(config: BoardConfig) -> None:
    """Ask anew next time."""
    with _asking:
        _asked.pop(config.address, None)


def _from_keyring(config: BoardConfig, entry: str) -> Secret:
    try:
        import keyring
        import keyring.errors
    except ImportError as e:
        raise ConfigError(
            f"board {config.name}: `password_keyring:` needs the keyring library, which is not installed",
            hint="pip install 'sgs-deploy[keyring]'",
        ) from e
    store = f"keyring set {KEYRING_SERVICE} {entry}"
    try:
        text = keyring.get_password(KEYRING_SERVICE, entry)
    except keyring.errors.KeyringError as e:
        raise ConfigError(
            f"board {config.name}: the keyring cannot be asked: {str(e).splitlines()[0] if str(e) else e!r}",
            hint=f"is it locked? without a desktop, another backend is needed; `{store}` must work",
        ) from e
    if text is None:
        raise ConfigError(
            f"board {config.name}: the keyring has no password of {entry} for {KEYRING_SERVICE}", hint=store
        )
    return Secret(text)


def _from_terminal(config: BoardConfig) -> Secret:
    """One prompt at a time, each board once."""
    with _asking:
        known = _asked.get(config.address)
        if known is None:
            known = _asked[config.address] = _ask(config)
        return known


def _ask(config: BoardConfig) -> Secret:
    import getpass

    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError as e:
        raise ConfigError(
            f"board {config.name}: `password_prompt:` asks at a terminal, and there is none",
            hint="set `password_env:` or `password_keyring:` for unattended runs, or use a key",
        ) from e
    try:
        return Secret(getpass.getpass(f"password of {config.address}: "))
    except EOFError as e:
        raise LoginRefused(f"{config.address}: no password was given", hint="try again") from e
