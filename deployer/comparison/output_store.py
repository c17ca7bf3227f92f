"""What a stage gave, on disk: a file a clip, so that a data set of any size fits and a killed run goes on.

A folder holds `outputs.json` (what computed them) and `clips/NAME.npz`, NAME being the clip's percent-encoded, or
a hash of it where that is too long: the output tensors under their percent-encoded names, the clip's name, and
the SHA-256 of the input tensor they came from.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

from board_runner.contract import Array
from board_runner.errors import UsageError
from deployer import whole_file
from deployer.errors import MissingArtifact
from toolchain_wrappers import intake

VERSION = 1
MANIFEST = "outputs.json"
CLIPS = "clips"
INPUT_KEY = "//input_sha256"
CLASS_KEY = "//class_id"
CLIP_KEY = "//clip"
MAX_NAME_BYTES = 200
HASHED = "sha256="
STALE_S = 3600.0
"""A part of a file that was not written for so long is what a killed run left."""

_UNREADABLE = (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What computed the outputs; `key` is the hash of all that decides them but the clips.

    `model_sha256` is of the model file (of a checkpoint: of its files' hashes), `tools` the identity of the
    vendor's tree, `outputs` name -> shape. Those are there for people and other programs.
    """

    stage: str
    detail: str
    key: str
    model_sha256: str = ""
    tools: str = ""
    chip: str = ""
    outputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    version: int = VERSION


class OutputFolder(Mapping[str, Mapping[str, Array]]):
    """Clip -> output name -> tensor, each read when it is asked for. Iterates in the order of names."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest

    @classmethod
    def create(
        cls, folder: Path, manifest: Manifest, *, fresh: bool = False, replace: bool = True
    ) -> OutputFolder:
        """Open the folder for writing; outputs of another `key` that lie there go first, `fresh` all.

        Raises UsageError for a folder that holds something else and, without `replace` or `fresh`, for one
        with outputs of another key: those were kept on purpose.
        """
        if folder.is_dir() and not (folder / MANIFEST).is_file() and any(folder.iterdir()):
            raise UsageError(f"{folder} holds something else than outputs", hint="give --save another folder")
        (folder / CLIPS).mkdir(parents=True, exist_ok=True)
        path = folder / MANIFEST
        same = path.is_file() and _manifest(path).key == manifest.key
        if path.is_file() and not (same or fresh or replace):
            raise UsageError(
                f"{folder} holds outputs of another model or tool: {_manifest(path).detail}",
                hint="give --save another folder; --fresh replaces what is there",
            )
        if fresh or not same:
            for old in (folder / CLIPS).iterdir():
                old.unlink()
        _sweep(folder / CLIPS)
        whole_file.write(path, json.dumps(asdict(manifest), indent=2).encode())
        return cls(folder, manifest)

    @classmethod
    def open(cls, folder: Path) -> OutputFolder:
        """Raises MissingArtifact for a folder that holds no outputs."""
        return cls(folder, _manifest(folder / MANIFEST))

    def write(
        self, clip: str, tensors: Mapping[str, Array], *, input_sha256: str, class_id: int | None = None
    ) -> None:
        """Keep one clip, whole or not at all."""
        arrays: dict[str, Any] = {quote(name, safe=""): value for name, value in tensors.items()}
        arrays[INPUT_KEY], arrays[CLIP_KEY] = np.array(input_sha256), np.array(clip)
        if class_id is not None:
            arrays[CLASS_KEY] = np.array(class_id)
        path = self._path(clip)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        # Not np.savez: its own parameters are names that no output could have.
        with zipfile.ZipFile(part, "w") as archive:
            for name, value in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, np.asarray(value), allow_pickle=False)
        part.replace(path)

    def holds(self, clip: str, input_sha256: str) -> bool:
        """Whether the clip is there, from this very input."""
        try:
            with self._path(clip).open("rb") as file, np.load(file) as stored:
                return str(stored[INPUT_KEY]) == input_sha256
        except _UNREADABLE:
            return False

    def inputs(self, clip: str) -> str:
        """The hash of the input that a clip's outputs came from. Raises MissingArtifact."""
        return str(self._load(clip, only=INPUT_KEY)[INPUT_KEY])

    @property
    def class_ids(self) -> dict[str, int] | None:
        """Decisions of a stage that shows no tensors; None for one that does."""
        found = {clip: self._load(clip).get(CLASS_KEY) for clip in self}
        if not found or any(value is None for value in found.values()):
            return None
        return {clip: int(value) for clip, value in found.items() if value is not None}

    def __getitem__(self, clip: str) -> dict[str, Array]:
        if not self._path(clip).is_file():
            raise KeyError(clip)
        stored = self._load(clip)
        return {unquote(name): value for name, value in stored.items() if not name.startswith("//")}

    def __contains__(self, clip: object) -> bool:
        return isinstance(clip, str) and self._path(clip).is_file()

    def __iter__(self) -> Iterator[str]:
        names = (path.name for path in (self.folder / CLIPS).glob("*.npz") if path.name[0] != ".")
        return iter(sorted(self._clip(name) for name in names))

    def _clip(self, name: str) -> str:
        if not name.startswith(HASHED):
            return unquote(name.removesuffix(".npz"))
        path = self.folder / CLIPS / name
        try:
            with path.open("rb") as file, np.load(file) as stored:
                return str(stored[CLIP_KEY])
        except _UNREADABLE as e:
            raise _damaged(path, e) from e

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _path(self, clip: str) -> Path:
        name = quote(clip, safe=" ")
        name = name.replace(".", "%2E", 1) if name.startswith(".") else name
        if len(name) > MAX_NAME_BYTES:
            name = HASHED + hashlib.sha256(clip.encode()).hexdigest()
        return self.folder / CLIPS / f"{name}.npz"

    def _load(self, clip: str, *, only: str | None = None) -> dict[str, Array]:
        path = self._path(clip)
        try:
            with path.open("rb") as file, np.load(file) as stored:
                return {name: stored[name] for name in ([only] if only else stored.files)}
        except _UNREADABLE as e:
            raise _damaged(path, e) from e


def _damaged(path: Path, error: Exception) -> MissingArtifact:
    return MissingArtifact(f"{path}: cannot be read ({error})", hint="delete it, and it is computed again")


def input_sha256(tensor: Array) -> str:
    """Of an input tensor's bytes, its type and shape."""
    digest = hashlib.sha256(f"{tensor.dtype.str}{tensor.shape}".encode())
    digest.update(np.ascontiguousarray(tensor).tobytes())
    return digest.hexdigest()


def _manifest(path: Path) -> Manifest:
    try:
        manifest = intake.record(Manifest, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as e:
        raise MissingArtifact(f"no outputs of a stage in {path.parent}", hint="--save DIR keeps some") from e
    except (OSError, ValueError) as e:
        raise MissingArtifact(f"{path}: not a manifest of outputs: {e}") from e
    if manifest.version != VERSION:
        raise MissingArtifact(f"{path}: version {manifest.version}; this `deploy` reads {VERSION}")
    return manifest


def _sweep(clips: Path) -> None:
    for part in clips.glob(".*"):
        try:
            if time.time() - part.stat().st_mtime > STALE_S:
                part.unlink()
        except FileNotFoundError:  # its writer has finished it meanwhile
            continue
