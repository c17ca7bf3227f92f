"""The manifest of a prepared data set of speakers: a row a clip, and what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployer.datasets import stored

NAME = stored.NAME
VERSION = 1
MADE_BY = "`deploy prepare voxceleb1 DIR`"


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
        return stored.save(self, folder)


def load(path: Path) -> Manifest:
    """Read a manifest, or that of a folder; raises MissingArtifact or InputError."""
    return stored.load(path, Manifest, version=VERSION, made_by=MADE_BY)
