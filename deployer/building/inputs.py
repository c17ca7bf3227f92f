"""The hashes that decide whether a program is current."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from deployer.building.compiler import Compiler
from deployer.building.job import BuildJob
from toolchain_wrappers.sdk.defconfig import Chosen
from toolchain_wrappers.sdk.tree import SdkTree

_MADE = frozenset((".o", ".d", ".a", ".so", ".ko", ".log", ".cmd", ".lock"))
"""What makefiles leave among the sources: made from them, so it decides nothing."""


def of(job: BuildJob, chosen: Chosen | None, compiler: Compiler | None) -> dict[str, str]:
    """Everything that decides what comes out; the SDK's libraries by size and time only."""
    profile = job.tree.profile
    return {
        "target": job.target,
        "aarch": job.aarch or "",
        "where": job.where,
        "config": chosen.sha256 if chosen else "",
        "compiler": str(compiler or ""),
        **{f"content/{name}": _content(job.tree, name) for name in profile.inputs.content},
        **{f"stamp/{name}": _stamps(job.tree, name) for name in profile.inputs.stamp},
    }


def _content(tree: SdkTree, name: str) -> str:
    digest = hashlib.sha256()
    for path in _files(tree, name):
        if path.suffix not in _MADE:
            digest.update(path.relative_to(tree.root).as_posix().encode() + b"\0")
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _stamps(tree: SdkTree, name: str) -> str:
    digest = hashlib.sha256()
    for path in _files(tree, name):
        stat = path.stat()
        digest.update(f"{path.relative_to(tree.root)}\0{stat.st_size} {stat.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _files(tree: SdkTree, name: str) -> Iterator[Path]:
    """A file, or every file below a folder apart from what make writes; sorted, links to folders not followed."""
    start = tree.root / name
    if start.is_file():
        yield start
    for folder, folders, files in os.walk(start):
        folders[:] = sorted(each for each in folders if Path(folder, each) != tree.out)
        yield from (path for each in sorted(files) if (path := Path(folder, each)).is_file())
