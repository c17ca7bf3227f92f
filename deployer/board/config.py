"""One board: how to reach it, where things go there, what to do around a run. Plain data without secrets."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from deployer.checked import Checked
from deployer.errors import ConfigError

if TYPE_CHECKING:  # their text is what counts
    from deployer.checked_kinds import (
        AtLeastNone,
        BoardPath,
        BoardPaths,
        ChipName,
        Environment,
        FullText,
        HostName,
        Port,
        Positive,
        VariableName,
    )

DEFAULT_LIBRARY_PATH = "/lib:/config/lib:/customer/lib"
"""What the boards' /etc/profile sets; a non-interactive command reads no profile, so we export it."""

_ADDRESS = re.compile(
    r"""(?: (?P<user>[^@:\s/]+) @ )?
        (?: \[ (?P<ipv6>[0-9A-Fa-f:.%\w]+) \] | (?P<host>[^@:\s/\[\]]+) )
        (?: : (?P<port>[0-9]{1,5}) )?\Z""",
    re.VERBOSE,
)


class BoardConfig(Checked):
    """One board of the inventory.

    `password_env` names the environment variable that holds the password, `password_keyring` the user's entry
    in the system's keyring (service `deploy`), `password_prompt` asks at the terminal; the password itself is
    nowhere. `host_key`: `strict` accepts known keys only, `tofu` trusts the first one seen, `off` does not
    look. `client` and `transfer` are found out by asking the board, unless set. `places` puts names that match
    a pattern (`resource/*`) below another directory, such as one in RAM. `keep` is how many former releases
    stay. `before` and `after` are shell commands around every run, on the board.
    """

    name: FullText
    host: HostName
    port: Port = 22
    user: FullText = "root"
    directory: BoardPath = PurePosixPath("/customer/deploy")
    key: Path | None = None
    password_env: VariableName | None = None
    password_keyring: str | None = None
    password_prompt: bool = False
    jump: str | None = None  # user@host:port, or a name of ~/.ssh/config
    client: Literal["auto", "paramiko", "openssh"] = "auto"
    transfer: Literal["auto", "tar", "cat", "sftp", "scp", "base64"] = "auto"
    host_key: Literal["strict", "tofu", "off"] = "tofu"
    env: Environment = {"LD_LIBRARY_PATH": DEFAULT_LIBRARY_PATH}  # noqa: RUF012  (each record gets its own)
    chip: ChipName | None = None
    connect_timeout_s: Positive = 10.0
    places: BoardPaths = {}  # noqa: RUF012
    keep: AtLeastNone = 1
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """`user@host:port`, as reports and messages show it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}:{self.port}"


def parse_address(text: str) -> BoardConfig:
    """A board given as `host`, `host:port`, `user@host`, `user@host:port` or `user@[ipv6]:port`.

    Its name is the text itself. Raises ConfigError.
    """
    found = _ADDRESS.match(text)
    hint = "write user@host:port, for instance root@192.168.1.10:22; user and port may be left out"
    if found is None:
        raise ConfigError(f"{text!r} is not the address of a board", hint=hint)
    host = found["ipv6"] or found["host"]
    given: dict[str, Any] = {} if found["user"] is None else {"user": found["user"]}
    if found["port"] is not None:
        given["port"] = int(found["port"])
    try:  # what is left out is not given: ~/.ssh/config may know it
        return BoardConfig.model_validate({"name": text, "host": host, **given})
    except ValueError as e:
        from pydantic import ValidationError

        if not isinstance(e, ValidationError):
            raise
        faults = "; ".join(f"{'.'.join(map(str, x['loc']))}: {x['msg']}" for x in e.errors())
        raise ConfigError(f"{text!r} is not the address of a board: {faults}", hint=hint) from e
