"""What a board has said of itself and cannot change before its next boot, kept by its boot id."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployer import whole_file
from deployer.board.probe.script import FIXED

FOLDER = "facts"


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """The fixed sections of one boot's answer; an empty boot id where nothing is known."""

    boot_id: str = ""
    sections: Mapping[str, str] = field(default_factory=dict)


def recall(address: str, folder: Path) -> Remembered:
    """What is kept of the board at `address`; nothing, where the file is missing or damaged."""
    try:
        data = json.loads(_file(address, folder).read_text(encoding="utf-8"))
        sections = {name: data["sections"][name] for name in FIXED}
        if not all(isinstance(text, str) for text in (data["boot_id"], *sections.values())):
            return Remembered()
        return Remembered(boot_id=data["boot_id"], sections=sections)
    except (OSError, ValueError, KeyError, TypeError):
        return Remembered()


def keep(address: str, folder: Path, boot_id: str | None, sections: Mapping[str, str]) -> None:
    """Remember an answer that has every fixed section. A disk that takes no file is no fault: we ask again."""
    if not boot_id or any(name not in sections for name in FIXED):
        return
    path = _file(address, folder)
    data = {
        "address": address,
        "boot_id": boot_id,
        "sections": {name: sections[name] for name in FIXED},
    }
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        whole_file.write(path, (json.dumps(data, indent=1) + "\n").encode())


def _file(address: str, folder: Path) -> Path:
    return folder / FOLDER / f"{hashlib.sha256(address.encode()).hexdigest()[:16]}.json"
