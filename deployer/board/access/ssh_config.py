"""How a board is reached: its own settings first, then what `~/.ssh/config` says of its host."""

from __future__ import annotations

import getpass
import importlib
import io
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deployer.board.config import BoardConfig, parse_address
from deployer.errors import ConfigError

_MOST_HOPS = 8
_INCLUDE = re.compile(r"\s*include\s*[=\s]\s*(.+?)\s*\Z", re.IGNORECASE)
_EXEC = re.compile(r"^\s*match\b.*\bexec\b", re.IGNORECASE | re.MULTILINE)
_MOST_INCLUDES = 16


@dataclass(frozen=True, kw_only=True)
class Route:
    """A board's settings with the gaps filled, and what lies between.

    `keys` are tried in order, the agent's too unless `keys_only`. `through`: the jump hosts, nearest first.
    `proxy_command` is a command of this host whose stdin and stdout are the connection.
    """

    config: BoardConfig
    alias: str  # the host as it was given, which the user's own config may know
    keys: tuple[Path, ...] = ()
    keys_only: bool = False
    through: tuple[Route, ...] = ()
    proxy_command: str | None = None


def resolve(config: BoardConfig) -> Route:
    """The way to a board. Raises ConfigError for a config file or jump host that cannot be understood."""
    return _resolve(config, hops=0)


def _resolve(config: BoardConfig, *, hops: int) -> Route:
    if hops > _MOST_HOPS:
        raise ConfigError(
            f"board {config.name}: more than {_MOST_HOPS} jump hosts",
            hint="does a ProxyJump of ~/.ssh/config lead back to itself?",
        )
    said = _lookup(config)
    changes: dict[str, Any] = {}
    if said.get("hostname"):
        changes["host"] = said["hostname"]
    if "port" in said and config.own_port is None:
        changes["own_port"] = int(said["port"])
    if "user" in said and config.own_user is None:
        changes["own_user"] = said["user"]
    jump = config.jump if config.jump is not None else said.get("proxyjump")
    jump = None if jump is None or jump.lower() in ("", "none") else jump
    command = None if jump or config.jump is not None else said.get("proxycommand")
    changes["jump"] = jump
    full = config.replace(**changes)
    keys = _keys(config, said)
    return Route(
        config=full,
        alias=config.host,
        keys=keys,
        keys_only=config.key is not None or (bool(keys) and said.get("identitiesonly") == "yes"),
        through=_through(full, hops=hops),
        proxy_command=None if command is None or command.lower() == "none" else command,
    )


def _keys(config: BoardConfig, said: dict[str, Any]) -> tuple[Path, ...]:
    if config.key is not None:
        return (config.key.expanduser(),)
    named = [Path(name).expanduser() for name in said.get("identityfile", []) if name.lower() != "none"]
    usual = [Path.home() / ".ssh" / name for name in ("id_ed25519", "id_ecdsa", "id_rsa")]
    return tuple(path for path in named or usual if path.is_file())


def _through(config: BoardConfig, *, hops: int) -> tuple[Route, ...]:
    way: tuple[Route, ...] = ()
    for text in config.jump.split(",") if config.jump else ():
        hop = parse_address(text.strip().removeprefix("ssh://").rstrip("/"))
        hop = hop.replace(
            connect_timeout_s=config.connect_timeout_s,
            password_prompt=config.password_prompt,
            # `off` is for boards that are flashed anew; the machine before them is not
            host_key="tofu" if config.host_key == "off" else config.host_key,
            jump="none" if way else None,  # how to get to a later one is known: from the hop before
        )
        route = _resolve(hop.replace(name=text.strip()), hops=hops + 1)
        if hop.own_user is None and "user" not in _lookup(hop):
            user = getpass.getuser()  # on a jump host one is who one is
            route = replace(route, config=route.config.replace(own_user=user))
        way = (*way, *route.through, route)
    return way


def _lookup(config: BoardConfig) -> dict[str, Any]:
    """What the file says of a host, in lower-case names; nothing where there is no file."""
    path = Path.home() / ".ssh/config"
    try:
        text = _expanded(path, path.read_text(encoding="utf-8", errors="replace"), depth=0)
    except OSError:
        return {}
    # the first value counts in this format: the board's own go before all others
    own = [] if config.own_port is None else [f"Port {config.own_port}"]
    own += [] if config.own_user is None else [f"User {config.own_user}"]
    text = "\n".join(["Host *", *own, text]) if own else text
    import paramiko.config
    from paramiko.ssh_exception import ConfigParseError

    if _EXEC.search(text):  # what it needs for that, where it was loaded without
        paramiko.config.__dict__["invoke"] = importlib.import_module("invoke")
    try:
        parsed = paramiko.config.SSHConfig.from_file(io.StringIO(text))
        return dict(parsed.lookup(config.host))
    except (ConfigParseError, ValueError, KeyError) as e:
        raise ConfigError(f"{path}: {e}", hint=f"does `ssh -G {config.host}` understand it?") from e


def _expanded(path: Path, text: str, *, depth: int) -> str:
    """`Include` lines replaced by the files they name: paramiko's parser passes over them."""
    if depth > _MOST_INCLUDES:
        raise ConfigError(f"{path}: included in itself", hint="look for Include lines in ~/.ssh/config")
    lines = []
    for line in text.splitlines():
        found = _INCLUDE.match(line)
        if found is None:
            lines.append(line)
            continue
        for pattern in found[1].replace('"', "").split():
            base = Path.home() / ".ssh" / Path(pattern).expanduser()
            found_files = sorted(Path(base.anchor).glob(str(base.relative_to(base.anchor))))
            lines += [_expanded(f, f.read_text("utf-8", "replace"), depth=depth + 1) for f in found_files]
    return "\n".join(lines)
