"""What we have found out about boards and remember from run to run, a small JSON file a board."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from deployer import whole_file
from deployer.board.access import hostkeys
from deployer.board.config import BoardConfig

_FOLDER = "boards"


def recall(config: BoardConfig, key: str, *, folder: Path | None = None) -> Any:
    """What was remembered under `key`; None where nothing was, or where the file is damaged."""
    return _all(_file(config, folder)).get(key)


def remember(config: BoardConfig, key: str, value: Any, *, folder: Path | None = None) -> None:
    """Keep a JSON value; None takes it out. What cannot be written is found out anew next time."""
    path = _file(config, folder)
    known = _all(path)
    if known.get(key) == value:
        return
    known = {k: v for k, v in {**known, key: value}.items() if v is not None}
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = json.dumps({"board": hostkeys.entry_name(config), **known}, indent=1)
        whole_file.write(path, f"{text}\n".encode())
    except OSError:
        return


def forget(config: BoardConfig, *, folder: Path | None = None) -> None:
    """Forget all about a board."""
    _file(config, folder).unlink(missing_ok=True)


def _file(config: BoardConfig, folder: Path | None) -> Path:
    name = f"{config.user}@{hostkeys.entry_name(config)}"
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return (folder or hostkeys.state_dir()) / _FOLDER / f"{digest}.json"


def _all(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
