"""A manifest on disk: `manifest.json` beside the wavs, written whole, read strictly."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from board_runner.errors import InputError
from deployer import whole_file
from deployer.errors import MissingArtifact

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

NAME = "manifest.json"


class Versioned(Protocol):
    """Any manifest: a dataclass that says of which version it is."""

    @property
    def version(self) -> int:
        """Version of the file."""


M = TypeVar("M", bound=Versioned)


def save(manifest: DataclassInstance, folder: Path) -> Path:
    """Write `manifest.json`, whole or not at all; the same manifest is the same bytes."""
    path = folder / NAME
    text = json.dumps(asdict(manifest), indent=1, ensure_ascii=False) + "\n"
    whole_file.write(path, text.encode())
    return path


def load(path: Path, adapter: TypeAdapter[M], *, version: int, made_by: str) -> M:
    """Read a manifest, or that of a folder; raises MissingArtifact (the hint names `made_by`) or InputError."""
    file = path / NAME if path.is_dir() else path
    try:
        manifest = adapter.validate_json(file.read_bytes())
    except OSError as e:
        raise MissingArtifact(f"cannot read {file}: {e.strerror}", hint=f"{made_by} makes a manifest") from e
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise InputError(
            f"{file}: damaged manifest: {where or 'all of it'}: {first['msg']}",
            hint=f"{made_by} makes such a manifest",
        ) from e
    if manifest.version != version:
        raise InputError(f"{file}: a manifest of version {manifest.version}; this deploy reads {version}")
    return manifest
