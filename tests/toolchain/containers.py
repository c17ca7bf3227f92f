"""A real container without an image to fetch: this machine's own /usr over an empty root, by podman."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

import board_runner

needs_podman = pytest.mark.skipif(
    shutil.which("podman") is None or os.getuid() != 0, reason="needs podman, and root for a rootfs"
)

LIMITS = """\
[containers]
netns = "none"
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
"""
"""For machines whose root may not raise limits, and whose cgroups crun refuses."""


def make_rootfs(folder: Path) -> Path:
    """An empty root with the links that a merged /usr wants."""
    rootfs = folder / "rootfs"
    for name in ("usr", "etc", "tmp", "proc", "sys", "dev", "work", "run", "var/tmp"):
        (rootfs / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        (rootfs / name).symlink_to(f"usr/{name}")
    return rootfs


def limits(folder: Path) -> Path:
    """A file for CONTAINERS_CONF."""
    path = folder / "containers.conf"
    path.write_text(LIMITS)
    return path


def python_folders() -> list[Path]:
    """What this Python and this project need to run inside: read-only, under their own paths."""
    repository = Path(board_runner.__file__).resolve().parent.parent
    wanted = [
        Path(sys.prefix),
        Path(sys.base_prefix),
        Path(sys.executable).resolve().parent.parent,
        repository,
    ]
    found: list[Path] = []
    for path in [Path("/usr"), *wanted]:
        if not any(path.is_relative_to(known) for known in found):
            found.append(path)
    return found
