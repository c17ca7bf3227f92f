"""Our own known_hosts: trust on first use, and a changed key is refused with both fingerprints."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.board.config import BoardConfig
from deployer.errors import LoginRefused

if TYPE_CHECKING:
    from paramiko import PKey

STATE_VARIABLE = "DEPLOY_STATE_DIR"


def state_dir() -> Path:
    """Where what we remember of boards is kept: $DEPLOY_STATE_DIR, or the user's state directory."""
    given = os.environ.get(STATE_VARIABLE)
    if given:
        return Path(given)
    import platformdirs

    return platformdirs.user_state_path("deploy", appauthor=False)


def fingerprint(key: PKey) -> str:
    """`SHA256:...`, as OpenSSH prints it."""
    return _fingerprint(key.asbytes())


def known_keys(config: BoardConfig, folder: Path) -> dict[str, str]:
    """Algorithm -> base64 key that is remembered for this board's address."""
    return {kind: key for name, kind, key in _entries(folder) if name == _entry_name(config)}


def check(config: BoardConfig, key: PKey, folder: Path) -> str | None:
    """Judge the host key a board has shown; on first contact remember it and return its fingerprint.

    Raises LoginRefused for a changed key, and under `strict` for an unknown one.
    """
    if config.host_key == "off":
        return None
    known = known_keys(config, folder)
    shown = key.get_base64()
    if shown in known.values():
        return None
    if known:
        before = " or ".join(_fingerprint(base64.b64decode(k)) for k in known.values())
        raise LoginRefused(
            f"{config.address}: the host key has changed: known {before}, now {fingerprint(key)}",
            hint=f"if the board was flashed anew: deploy board forget {config.name}; "
            "if not, another machine answers at its address",
        )
    if config.host_key == "strict":
        raise LoginRefused(
            f"{config.address}: unknown host key {fingerprint(key)}",
            hint=f"set `host_key: tofu` for {config.name} to trust the first key seen, "
            f"or add the key to {_file(folder)}",
        )
    _remember(config, key, folder)
    return fingerprint(key)


def forget(config: BoardConfig, *, folder: Path | None = None) -> bool:
    """Forget the board's host keys, so that the next contact is a first one; whether there were any."""
    folder = folder or state_dir()
    if not known_keys(config, folder):
        return False
    path = _file(folder)
    kept = [" ".join(entry) for entry in _entries(folder) if entry[0] != _entry_name(config)]
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    fresh.replace(path)
    return True


def _remember(config: BoardConfig, key: PKey, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    line = f"{_entry_name(config)} {key.get_name()} {key.get_base64()}\n"
    with _file(folder).open("a", encoding="utf-8") as file:  # one short append: safe beside other runs
        file.write(line)


def _entries(folder: Path) -> list[tuple[str, str, str]]:
    entries = []
    with contextlib.suppress(FileNotFoundError):
        for line in _file(folder).read_text(encoding="utf-8").splitlines():
            match line.split():
                case [name, kind, key] if not name.startswith("#"):
                    entries.append((name, kind, key))
    return entries


def _entry_name(config: BoardConfig) -> str:
    return config.host if config.port == 22 else f"[{config.host}]:{config.port}"


def _file(folder: Path) -> Path:
    return folder / "known_hosts"


def _fingerprint(key: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
