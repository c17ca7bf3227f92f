"""The words that start the OpenSSH client on a board, with our host keys and the board's own settings."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from deployer.board.access import hostkeys, memory, ssh_config
from deployer.board.access.ssh_config import Route
from deployer.board.clients import openssh
from deployer.board.config import BoardConfig
from deployer.errors import ConfigError

_KEY_CHECKS = {"strict": "yes", "tofu": "accept-new", "off": "no"}


def shell_argv(config: BoardConfig, *, folder: Path) -> list[str]:
    """`ssh` into a log-in shell of the board, its environment set; `folder` holds our known_hosts.

    What the board was found to need is told to ssh too. Secrets are not among the words: ssh asks for them.
    Raises ConfigError for a way to the board that cannot be understood.
    """
    route = ssh_config.resolve(config)
    needed = memory.recall(config, openssh.OPTIONS, folder=folder)
    exports = "".join(f"export {name}={shlex.quote(value)}; " for name, value in config.env.items())
    way = _way(route, folder / "known_hosts", needed if isinstance(needed, dict) else {})
    return ["ssh", "-t", *way, "--", route.alias, f'{exports}exec "${{SHELL:-/bin/sh}}" -l']


def _way(route: Route, known_hosts: Path, needed: Mapping[str, str]) -> list[str]:
    config = route.config
    known = Path("/dev/null") if config.host_key == "off" else known_hosts
    if any(c in str(known) for c in '"\n'):
        raise ConfigError(f"{known}: ssh cannot be told of this path", hint="set DEPLOY_STATE_DIR to another")
    options = {
        "HostName": config.host,
        "Port": str(config.port),
        "User": config.user,
        "HostKeyAlias": hostkeys.entry_name(config),
        "UserKnownHostsFile": f'"{known}"',
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": _KEY_CHECKS[config.host_key],
        "HashKnownHosts": "no",
        "UpdateHostKeys": "no",
        "CheckHostIP": "no",
        "ConnectTimeout": str(max(1, round(config.connect_timeout_s))),
        "RemoteCommand": "none",
        "IdentitiesOnly": "yes" if route.keys_only else "no",
        **needed,
    }
    if route.through:
        options["ProxyCommand"] = _proxy(route, known_hosts)
    words = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    return words + [part for key in route.keys for part in ("-i", str(key))]


def _proxy(route: Route, known_hosts: Path) -> str:
    """The nearest jump host's own ssh, with our host keys; it gets there over the one before it."""
    *before, last = route.through
    host = f"[{route.config.host}]" if ":" in route.config.host else route.config.host
    way = _way(replace(last, through=tuple(before)), known_hosts, {})
    argv = ["ssh", *way, "-W", f"{host}:{route.config.port}", "--", last.alias]
    return f"exec {shlex.join(argv)}".replace("%", "%%")
