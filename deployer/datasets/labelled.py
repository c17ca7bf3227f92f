"""The manifest of a prepared data set of classes: a row a clip with its class, and its split or fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deployer.datasets import stored

VERSION = 1
MADE_BY = "`deploy prepare esc50` or `classes`"
WAVS = "wav"

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One wav, `file` below the manifest's folder; `source` is its path in the data set.

    A data set that comes with folds states `fold`, 1 and above; any other has a `split`.
    """

    file: str
    source: str
    class_id: int
    seconds: float
    split: Split | None = None
    fold: int | None = None


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A prepared data set. `classes` are the names by class id.

    `seed` and `shares` (of train, val, test) decided the splits. `gone` are clips whose recording is no longer in
    the data set: should it come back, it goes where it was.
    """

    dataset: str
    sample_rate_hz: int
    classes: tuple[str, ...]
    clips: tuple[Clip, ...]
    seed: int = 0
    shares: Mapping[Split, float] | None = None
    gone: tuple[Clip, ...] = ()
    version: int = VERSION

    def count(self, split: Split) -> int:
        """How many clips a split has."""
        return sum(clip.split == split for clip in self.clips)

    def save(self, folder: Path) -> Path:
        """Write `manifest.json`, whole or not at all; the same manifest is the same bytes."""
        return stored.save(self, folder)


def load(path: Path) -> Manifest:
    """Read a manifest, or that of a folder; raises MissingArtifact or InputError."""
    return stored.load(path, Manifest, version=VERSION, made_by=MADE_BY)
