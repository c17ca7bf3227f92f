"""A manifest on disk: `manifest.json` beside the wavs, written whole, read strictly."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from board_runner.errors import InputError
from deployer import whole_file
from deployer.errors import MissingArtifact
from toolchain_wrappers import intake

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


def load(path: Path, kind: type[M], *, version: int, made_by: str) -> M:
    """Read a manifest, or that of a folder; raises MissingArtifact (the hint names `made_by`) or InputError."""
    file = path / NAME if path.is_dir() else path
    try:
        manifest = intake.record(kind, json.loads(file.read_bytes()))
    except OSError as e:
        raise MissingArtifact(f"cannot read {file}: {e.strerror}", hint=f"{made_by} makes a manifest") from e
    except (ValueError, RecursionError) as e:  # no JSON, or not of this kind
        raise InputError(f"{file}: damaged manifest: {e}", hint=f"{made_by} makes such a manifest") from e
    if manifest.version != version:
        raise InputError(f"{file}: a manifest of version {manifest.version}; this deploy reads {version}")
    return manifest
