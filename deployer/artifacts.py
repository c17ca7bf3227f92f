"""The artefact store: what a conversion or a build made, and from what, in a folder there whole or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer.errors import MissingArtifact
from toolchain_wrappers import intake

VERSION = 1
MANIFEST = "manifest.json"
FLOAT, FIXED, IMAGE, LOG, DATA = "eat_float.sim", "eat_fixed.sim", "eat.img", "convert.log", "preprocess.py"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """`inputs` are the hashes that decide whether the outputs are current; `contract` is the contract's JSON.

    `command` is what makes it again: `convert`, or `build` for a program, which has no contract.
    """

    chip: str
    model: str
    contract: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    settings: Mapping[str, str]
    made_by: str
    created: str
    version: int = VERSION
    command: str = "convert"


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    """One conversion in the store; its models are opaque bytes here."""

    folder: Path
    manifest: Manifest

    @property
    def chip(self) -> str:
        """What the image is for."""
        return self.manifest.chip

    def path(self, name: str) -> Path:
        """One of the files. Raises MissingArtifact when it is gone or is no longer what was made."""
        path = self.folder / name
        if not path.is_file() or sha256(path) != self.manifest.outputs.get(name):
            again = f"`deploy {self.manifest.command}` makes it again"
            raise MissingArtifact(f"{path} is missing or was changed", hint=again)
        return path

    @property
    def image(self) -> Path:
        """The offline model."""
        return self.path(IMAGE)


def sha256(path: Path) -> str:
    """Of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_for(store: Path, *, chip: str, model: str) -> Path:
    """One conversion a chip and model is kept."""
    return store / f"{chip}-{model}"


def load(folder: Path) -> Artifacts:
    """What is in the store. Raises MissingArtifact when nothing, or nothing usable, is there."""
    path = folder / MANIFEST
    try:
        manifest = intake.record(Manifest, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as e:
        raise MissingArtifact(f"no converted model in {folder}", hint="`deploy convert` makes it") from e
    except (OSError, ValueError) as e:
        raise MissingArtifact(f"{path} cannot be used ({e})", hint="`deploy convert` makes it again") from e
    return Artifacts(folder=folder, manifest=manifest)


def current(folder: Path, inputs: Mapping[str, str]) -> Artifacts | None:
    """The artefacts, if they were made from exactly these inputs and are still what was made."""
    try:
        found = load(folder)
        if dict(found.manifest.inputs) != dict(inputs):
            return None
        for name in found.manifest.outputs:
            found.path(name)
    except MissingArtifact:
        return None
    return found


def store(folder: Path, files: Mapping[str, Path], manifest: Manifest) -> Artifacts:
    """Copy files under their names and put the folder in place by a rename; an earlier one goes only then."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, source in files.items():
            shutil.copy2(source, part / name)
        whole = dataclasses.replace(manifest, outputs={name: sha256(part / name) for name in files})
        fields: dict[str, Any] = dataclasses.asdict(whole)
        (part / MANIFEST).write_text(json.dumps(fields, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        if folder.exists():
            old = part.with_name(f"{part.name}-old")
            folder.replace(old)
            part.replace(folder)
            shutil.rmtree(old)
        else:
            part.replace(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return Artifacts(folder=folder, manifest=whole)
