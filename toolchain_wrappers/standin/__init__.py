"""A tree of the vendor's shape that really converts and simulates, with this project's arithmetic."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import board_runner
from toolchain_wrappers.standin.variants import Variant

TREE = Path(__file__).parent / "tree"
PUBLISHED = "sed/eat"
"""The algorithm that the vendor's tree has; its script knows nothing of the model."""
OTHERS = ("sed/kws", "sed/efficientat", "sid/ecapa")
"""Algorithms that a user would lay out beside it for models of their own, with the same script."""
PROFILE = Variant().profile()
"""The keys of the toolchain profile that differ for a tree as published."""


@dataclass(frozen=True, kw_only=True)
class StandinTree:
    """The two folders a user of the vendor's release has."""

    models_dir: Path
    tools_dir: Path


def make(directory: Path, variant: Variant = Variant()) -> StandinTree:  # noqa: B008 - frozen
    """Write the tree into `directory`, over an earlier one; what a user put there stays.

    Its `python3` is the Python that runs now, for it needs this project's numerics.
    """
    models, tools = directory / "OpenDLAModel", directory / variant.tools_name
    for folder, source in ((models, "OpenDLAModel"), (tools, "SGS_IPU_Toolchain")):
        shutil.copytree(
            TREE / source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    for algorithm in (PUBLISHED, *OTHERS):
        for name in ("onnx", "quant_data"):
            (models / algorithm / name).mkdir(parents=True, exist_ok=True)
        if algorithm in OTHERS:
            shutil.copy2(models / PUBLISHED / "convert.sh", models / algorithm / "convert.sh")
    (models / "variant.sh").write_text(variant.shell(), encoding="utf-8")
    (tools / "release.sh").write_text(variant.release(), encoding="utf-8")
    # A conversion is current only as long as the arithmetic behind it is the same.
    (tools / "Scripts" / "numerics.py").write_text(f'SHA256 = "{numerics_sha256()}"\n', encoding="utf-8")
    launcher = tools / "bin" / variant.python
    launcher.parent.mkdir(exist_ok=True)
    launcher.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n', encoding="utf-8")
    launcher.chmod(0o755)
    return StandinTree(models_dir=models, tools_dir=tools)


def numerics_sha256() -> str:
    """Of all code that decides what a conversion makes."""
    digest = hashlib.sha256()
    for path in sorted(Path(board_runner.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
