"""The manifest of a prepared data set of speakers: a row a clip, and what was left out and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from board_runner.errors import InputError
from deployer.errors import MissingArtifact

NAME = "manifest.json"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One wav, `file` below the manifest's folder, and the window of frames that is taken of it.

    `filled_frames` are those that the clip is too short for; `source` is the path in the data set.
    """

    file: str
    source: str
    speaker: str
    video: str
    split: str
    seconds: float
    start_frame: int
    filled_frames: int = 0


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A prepared data set. `left_out` maps a file of the data set to the reason."""

    dataset: str
    sample_rate_hz: int
    frames: int
    seed: int
    clips: tuple[Clip, ...]
    left_out: Mapping[str, str]
    version: int = VERSION

    @property
    def speakers(self) -> tuple[str, ...]:
        """Every speaker, by name."""
        return tuple(sorted({clip.speaker for clip in self.clips}))

    def save(self, folder: Path) -> Path:
        """Write `manifest.json`, whole or not at all; the same manifest is the same bytes."""
        path = folder / NAME
        part = path.with_name(f".{NAME}.part")
        part.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(path)
        return path


_ADAPTER = TypeAdapter(Manifest)


def load(path: Path) -> Manifest:
    """Read a manifest, or that of a folder; raises MissingArtifact or InputError."""
    file = path / NAME if path.is_dir() else path
    try:
        manifest = _ADAPTER.validate_json(file.read_bytes())
    except OSError as e:
        raise MissingArtifact(
            f"cannot read {file}: {e.strerror}", hint="`deploy prepare voxceleb1 DIR` makes a manifest"
        ) from e
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise InputError(f"{file}: damaged manifest: {where or 'all of it'}: {first['msg']}") from e
    if manifest.version != VERSION:
        raise InputError(f"{file}: a manifest of version {manifest.version}; this deploy reads {VERSION}")
    return manifest
