"""The words that start the OpenSSH client on a board, with our host keys and the board's own settings."""

from __future__ import annotations

import shlex
from pathlib import Path

from deployer.board.config import BoardConfig, parse_address
from deployer.errors import ConfigError

_KEY_CHECKS = {"strict": "yes", "tofu": "accept-new", "off": "no"}


def shell_argv(config: BoardConfig, *, known_hosts: Path) -> list[str]:
    """`ssh` into a log-in shell of the board, its environment set. Secrets are not among the words: ssh asks."""
    argv = ["ssh", "-t", "-p", str(config.port), "-l", config.user]
    for name, value in _options(config, known_hosts).items():
        argv += ["-o", f"{name}={value}"]
    if config.key is not None:
        argv += ["-i", str(config.key.expanduser())]
    if config.jump is not None:
        argv += ["-J", _jump(config.jump)]
    exports = "".join(f"export {name}={shlex.quote(value)}; " for name, value in config.env.items())
    return [*argv, "--", config.host, f'{exports}exec "${{SHELL:-/bin/sh}}" -l']


def _options(config: BoardConfig, known_hosts: Path) -> dict[str, str]:
    known = Path("/dev/null") if config.host_key == "off" else known_hosts
    if any(c in str(known) for c in '"\n'):
        raise ConfigError(f"{known}: ssh cannot be told of this path", hint="set DEPLOY_STATE_DIR to another")
    options = {
        "UserKnownHostsFile": f'"{known}"',
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": _KEY_CHECKS[config.host_key],
        "HashKnownHosts": "no",
        "CheckHostIP": "no",
        "ConnectTimeout": str(max(1, round(config.connect_timeout_s))),
    }
    if config.key is not None:
        options["IdentitiesOnly"] = "yes"
    return options


def _jump(jump: str) -> str:
    """`user@host:port` as it is; a bare word may be a name of ~/.ssh/config, which ssh knows."""
    if jump.startswith("-"):
        raise ConfigError(f"jump host {jump!r}: not a name or address")
    if "@" in jump or ":" in jump:
        parse_address(jump)
    return jump
