"""Data for the vendor's tools: tensors under names they can read, and a script that gives them back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from board_runner.contract import Array
from toolchain_wrappers.errors import ToolchainError

MARK = "written by deploy"
READ_LOG = "deploy_read.txt"

PREPROCESS = f'''\
"""Gives the tools the exact model input that was laid out for them; {MARK}."""

import os

import numpy as np

SHAPE = @SHAPE@
HERE = os.path.dirname(os.path.abspath(__file__))


def image_preprocess(path, norm=True):
    """RAWDATA formats are always float32; `norm` is ignored. Notes what was read: the tools skip in silence."""
    if path.endswith(".npy"):
        tensor = np.load(path)
    else:
        tensor = np.fromfile(path, dtype=np.float32)
    tensor = tensor.reshape(SHAPE)
    with open(os.path.join(HERE, "{READ_LOG}"), "a") as log:
        log.write(os.path.basename(path) + "\\n")
    return tensor
'''
"""In the oldest Python that the vendor's images have, 3.7."""


@dataclass(frozen=True, kw_only=True)
class Staged:
    """Clip -> its file, in the order given."""

    folder: Path
    files: dict[str, Path]


def stage(folder: Path, tensors: Iterable[tuple[str, Array]], *, suffix: str) -> Staged:
    """Write float32 tensors one by one; what an earlier run left in `folder` goes first.

    Names are ASCII, since others hang a calibrator, and of a suffix that the tools read: wavs are skipped in
    silence. Raises ToolchainError when there is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    files = {}
    for index, (clip, tensor) in enumerate(tensors):
        files[clip] = folder / f"{index:04d}_{_ascii(Path(clip).stem)}{suffix}"
        data = np.ascontiguousarray(tensor, dtype="<f4")
        if suffix == ".npy":
            np.save(files[clip], data)
        else:
            data.tofile(files[clip])
    if not files:
        raise ToolchainError(
            "no clip to give to the tools", hint="`deploy prepare AUDIO... --out DIR` makes some"
        )
    return Staged(folder=folder, files=files)


def preprocess(path: Path, shape: tuple[int, ...]) -> bool:
    """Write our script to `path`, unless the user or the vendor has one there; whether it is ours."""
    if is_users(path):
        return False
    path.write_text(PREPROCESS.replace("@SHAPE@", repr(tuple(shape))), encoding="utf-8")
    (path.parent / READ_LOG).unlink(missing_ok=True)
    return True


def is_users(path: Path) -> bool:
    """Whether a script is there that we did not write."""
    return path.is_file() and MARK not in path.read_text(encoding="utf-8", errors="replace")


def check_read(script: Path, staged: Staged) -> bool:
    """Raise ToolchainError when our script was not asked for every file: the tools skip what they do not know.

    False when it was not asked at all: the tools have a script of their own, and nothing can be said.
    """
    log = script.parent / READ_LOG
    if not log.is_file():
        return False
    seen = set(log.read_text(encoding="utf-8").split("\n"))
    missed = [path.name for path in staged.files.values() if path.name not in seen]
    if missed:
        raise ToolchainError(
            f"the tools read {len(staged.files) - len(missed)} of {len(staged.files)} files; not {missed[0]}",
            hint="the log says why, or they skip files of this kind: `data_suffix` of the toolchain profile",
        )
    return True


def _ascii(stem: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in stem)
