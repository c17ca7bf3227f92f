"""One board: how to reach it, where things go there, what to do around a run. Plain data without secrets."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from deployer.errors import ConfigError
from toolchain_wrappers import intake
from toolchain_wrappers.intake import Fault, Key, Section

DEFAULT_LIBRARY_PATH = "/lib:/config/lib:/customer/lib"
"""What the boards' /etc/profile sets; a non-interactive command reads no profile, so we export it."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

FullText = Annotated[str, Meta(min_length=1)]
HostName = Annotated[
    str,
    Meta(
        pattern=r"\A[^-\s@/][^\s@/]*\Z", description="a host name or IP address, without user, port or blanks"
    ),
]
VariableName = Annotated[
    str,
    Meta(
        pattern=rf"\A{_VARIABLE.pattern}\Z",
        description="the NAME of an environment variable (never the password itself)",
    ),
]

_ADDRESS = re.compile(
    r"""(?: (?P<user>[^@:\s/]+) @ )?
        (?: \[ (?P<ipv6>[0-9A-Fa-f:.%\w]+) \] | (?P<host>[^@:\s/\[\]]+) )
        (?: : (?P<port>[0-9]{1,5}) )?\Z""",
    re.VERBOSE,
)


class BoardConfig(Section, frozen=True, kw_only=True):
    """One board of the inventory.

    `own_port` and `own_user` are those of the file (`port:`, `user:`); unset, ~/.ssh/config may name some.
    `password_env` names the environment variable that holds the password, `password_keyring` the user's entry
    in the system's keyring (service `deploy`), `password_prompt` asks at the terminal; the password itself is
    nowhere. `host_key`: `strict` accepts known keys only, `tofu` trusts the first one seen, `off` does not
    look. `client` and `transfer` are found out by asking the board, unless set. `places` puts names that match
    a pattern (`resource/*`) below another directory, such as one in RAM. `keep` is how many former releases
    stay. `before` and `after` are shell commands around every run, on the board.
    """

    name: FullText
    host: HostName
    own_port: Annotated[int, Meta(ge=1, le=65535)] | None = msgspec.field(default=None, name="port")
    own_user: FullText | None = msgspec.field(default=None, name="user")
    directory: PurePosixPath = PurePosixPath("/customer/deploy")
    key: Path | None = None
    password_env: VariableName | None = None
    password_keyring: str | None = None
    password_prompt: bool = False
    jump: str | None = None  # user@host:port, or a name of ~/.ssh/config
    client: Literal["auto", "paramiko", "openssh"] = "auto"
    transfer: Literal["auto", "tar", "cat", "sftp", "scp", "base64"] = "auto"
    host_key: Literal["strict", "tofu", "off"] = "tofu"
    env: dict[str, str] = msgspec.field(default_factory=lambda: {"LD_LIBRARY_PATH": DEFAULT_LIBRARY_PATH})
    chip: str | None = None
    connect_timeout_s: Annotated[float, Meta(gt=0)] = 10.0
    places: dict[str, PurePosixPath] = msgspec.field(default_factory=dict)
    keep: Annotated[int, Meta(ge=0)] = 1
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_place(("directory",), self.directory)
        for pattern, place in self.places.items():
            _check_place(("places", pattern), place)
        for name, text in self.env.items():
            if not _VARIABLE.fullmatch(name) or "\0" in text:
                raise Fault(("env", name), f"{name!r} is not a name for an environment variable")
        if self.chip is not None:  # as the toolchain writes chips
            msgspec.structs.force_setattr(self, "chip", self.chip.strip().lower() or None)

    @property
    def port(self) -> int:
        """The board's own, else SSH's."""
        return 22 if self.own_port is None else self.own_port

    @property
    def user(self) -> str:
        """The board's own, else who every factory image has."""
        return "root" if self.own_user is None else self.own_user

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
    given = {
        "name": text,
        "host": found["ipv6"] or found["host"],
        "user": found["user"],
        "port": found["port"],
    }
    try:
        return intake.record(BoardConfig, given)
    except Fault as e:
        raise ConfigError(f"{text!r} is not the address of a board: {e}", hint=hint) from e


def as_data(config: BoardConfig) -> dict[str, Any]:
    """All settings, as JSON knows them and `intake.record` takes them."""
    fields: dict[str, Any] = intake.plain(config)
    return fields | {"port": config.port, "user": config.user}


def _check_place(key: Key, place: PurePosixPath) -> None:
    """A place on a board for files of ours. Raises Fault."""
    if not place.is_absolute() or ".." in place.parts or len(place.parts) < 2:
        raise Fault(key, "must be an absolute path on the board below `/`, without `..`")
    if any(c in str(place) for c in "\n\r\t\0"):
        raise Fault(key, "must be a path without line breaks and tabs")
