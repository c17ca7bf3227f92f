"""Our own known_hosts: trust on first use, and a changed key is refused with both fingerprints.

Both clients go by it: what one has learnt, the other knows.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deployer import whole_file
from deployer.board.config import BoardConfig
from deployer.errors import LoginRefused

STATE_VARIABLE = "DEPLOY_STATE_DIR"


@dataclass(frozen=True, kw_only=True)
class HostKey:
    """A public host key as known_hosts spells it."""

    kind: str
    base64: str

    @property
    def fingerprint(self) -> str:
        """`SHA256:...`, as OpenSSH prints it."""
        digest = hashlib.sha256(base64.b64decode(self.base64)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def state_dir() -> Path:
    """Where what we remember of boards is kept: $DEPLOY_STATE_DIR, or the user's state directory."""
    given = os.environ.get(STATE_VARIABLE)
    if given:
        return Path(given)
    import platformdirs

    return platformdirs.user_state_path("deploy", appauthor=False)


def known_keys(config: BoardConfig, folder: Path) -> dict[str, str]:
    """Algorithm -> base64 key that is remembered for this board's address."""
    return {kind: key for name, kind, key in _entries(folder) if name == entry_name(config)}


def check(config: BoardConfig, key: HostKey, folder: Path) -> str | None:
    """Judge the host key a board has shown; on first contact remember it and return its fingerprint.

    Raises LoginRefused for a changed key, and under `strict` for an unknown one.
    """
    if config.host_key == "off":
        return None
    known = known_keys(config, folder)
    if key.base64 in known.values():
        return None
    if known:
        raise changed(config, key.fingerprint, folder)
    if config.host_key == "strict":
        raise unknown(config, key.fingerprint, folder)
    _remember(config, key, folder)
    return key.fingerprint


def changed(config: BoardConfig, shown: str, folder: Path) -> LoginRefused:
    """The error for a board that shows another key than before; `shown` is its fingerprint."""
    known = known_keys(config, folder).items()
    before = " or ".join(HostKey(kind=kind, base64=key).fingerprint for kind, key in known)
    return LoginRefused(
        f"{config.address}: the host key has changed: known {before}, now {shown}",
        hint=f"if the board was flashed anew: deploy board forget {config.name}; "
        "if not, another machine answers at its address",
    )


def unknown(config: BoardConfig, shown: str, folder: Path) -> LoginRefused:
    """The error for a first contact under `strict`."""
    return LoginRefused(
        f"{config.address}: unknown host key {shown}",
        hint=f"set `host_key: tofu` for {config.name} to trust the first key seen, "
        f"or add the key to {_file(folder)}, as `{entry_name(config)} TYPE KEY`",
    )


def forget(config: BoardConfig, *, folder: Path | None = None) -> bool:
    """Forget the board's host keys, so that the next contact is a first one; whether there were any."""
    folder = folder or state_dir()
    if not known_keys(config, folder):
        return False
    with _locked(folder):
        path = _file(folder)
        kept = [" ".join(entry) for entry in _entries(folder) if entry[0] != entry_name(config)]
        whole_file.write(path, "".join(f"{line}\n" for line in kept).encode())
    return True


def entry_name(config: BoardConfig) -> str:
    """What the board is called in known_hosts. Behind different jump hosts one address is different boards."""
    place = config.host if config.port == 22 else f"[{config.host}]:{config.port}"
    return place if config.jump is None else f"{place}-by-{config.jump.replace(',', '-')}"


def _remember(config: BoardConfig, key: HostKey, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    line = f"{entry_name(config)} {key.kind} {key.base64}\n"
    with _locked(folder), _file(folder).open("a", encoding="utf-8") as file:
        file.write(line)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One run of `deploy` at a time changes the file."""
    with _file(folder).with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _entries(folder: Path) -> list[tuple[str, str, str]]:
    entries = []
    with contextlib.suppress(FileNotFoundError):
        for line in _file(folder).read_text(encoding="utf-8").splitlines():
            match line.split():
                case [name, kind, key, *_] if not name.startswith(("#", "@")):
                    entries.append((name, kind, key))
    return entries


def _file(folder: Path) -> Path:
    return folder / "known_hosts"
