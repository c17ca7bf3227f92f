"""One board: how to reach it, where things go there, what to do around a run. Plain data without secrets."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from deployer.errors import ConfigError

DEFAULT_LIBRARY_PATH = "/lib:/config/lib:/customer/lib"
"""What the boards' /etc/profile sets; a non-interactive command reads no profile, so we export it."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_ADDRESS = re.compile(
    r"""(?: (?P<user>[^@:\s/]+) @ )?
        (?: \[ (?P<ipv6>[0-9A-Fa-f:.%\w]+) \] | (?P<host>[^@:\s/\[\]]+) )
        (?: : (?P<port>[0-9]{1,5}) )?\Z""",
    re.VERBOSE,
)


class BoardConfig(BaseModel):
    """One board of the inventory.

    `password_env` names the environment variable that holds the password, `password_keyring` the user's entry
    in the system's keyring (service `deploy`), `password_prompt` asks at the terminal; the password itself is
    nowhere. `host_key`: `strict` accepts known keys only, `tofu` trusts the first one seen, `off` does not
    look. `client` and `transfer` are found out by asking the board, unless set. `places` puts names that match
    a pattern (`resource/*`) below another directory, such as one in RAM. `keep` is how many former releases
    stay. `before` and `after` are shell commands around every run, on the board.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    host: str = Field(min_length=1)
    port: int = Field(default=22, ge=1, le=65535)
    user: str = Field(default="root", min_length=1)
    directory: PurePosixPath = PurePosixPath("/customer/deploy")
    key: Path | None = None
    password_env: str | None = None
    password_keyring: str | None = None
    password_prompt: bool = False
    jump: str | None = None  # user@host:port, or a name of ~/.ssh/config
    client: Literal["auto", "paramiko", "openssh"] = "auto"
    transfer: Literal["auto", "tar", "cat", "sftp", "scp", "base64"] = "auto"
    host_key: Literal["strict", "tofu", "off"] = "tofu"
    env: dict[str, str] = Field(default_factory=lambda: {"LD_LIBRARY_PATH": DEFAULT_LIBRARY_PATH})
    chip: str | None = None
    connect_timeout_s: float = Field(default=10.0, gt=0)
    places: dict[str, PurePosixPath] = Field(default_factory=dict)
    keep: int = Field(default=1, ge=0)
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """`user@host:port`, as reports and messages show it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}:{self.port}"

    @field_validator("host")
    @classmethod
    def _plain_host(cls, value: str) -> str:
        if value.startswith("-") or re.search(r"[\s@/]", value):
            raise ValueError("a host name or IP address, without user, port or blanks")
        return value

    @field_validator("directory")
    @classmethod
    def _absolute_directory(cls, value: PurePosixPath) -> PurePosixPath:
        return _below_root(value)

    @field_validator("places")
    @classmethod
    def _absolute_places(cls, value: dict[str, PurePosixPath]) -> dict[str, PurePosixPath]:
        return {pattern: _below_root(place) for pattern, place in value.items()}

    @field_validator("password_env")
    @classmethod
    def _variable_name(cls, value: str | None) -> str | None:
        if value is not None and not _VARIABLE.match(value):
            raise ValueError("the NAME of an environment variable (never the password itself)")
        return value

    @field_validator("env")
    @classmethod
    def _variable_names(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not _VARIABLE.match(name) or "\0" in text:
                raise ValueError(f"{name!r} is not a name for an environment variable")
        return value

    @field_validator("chip")
    @classmethod
    def _lower_case(cls, value: str | None) -> str | None:
        return value.strip().lower() or None if value is not None else None


def _below_root(value: PurePosixPath) -> PurePosixPath:
    if not value.is_absolute() or ".." in value.parts or len(value.parts) < 2:
        raise ValueError("an absolute path on the board below `/`, without `..`")
    if any(c in str(value) for c in "\n\r\t\0"):
        raise ValueError("a path without line breaks and tabs")
    return value


def parse_address(text: str) -> BoardConfig:
    """A board given as `host`, `host:port`, `user@host`, `user@host:port` or `user@[ipv6]:port`.

    Its name is the text itself. Raises ConfigError.
    """
    found = _ADDRESS.match(text)
    hint = "write user@host:port, for instance root@192.168.1.10:22; user and port may be left out"
    if found is None:
        raise ConfigError(f"{text!r} is not the address of a board", hint=hint)
    host = found["ipv6"] or found["host"]
    given: dict[str, Any] = {k: found[k] for k in ("user", "port") if found[k] is not None}
    try:  # what is left out is not given: ~/.ssh/config may know it
        return BoardConfig(name=text, host=host, **given)
    except ValidationError as e:
        faults = "; ".join(f"{'.'.join(map(str, x['loc']))}: {x['msg']}" for x in e.errors())
        raise ConfigError(f"{text!r} is not the address of a board: {faults}", hint=hint) from e
