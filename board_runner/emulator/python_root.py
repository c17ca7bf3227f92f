"""Python and numpy in a board's root, for the runner in pure Python."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from board_runner.emulator.packages import Packages, Say, silent
from board_runner.emulator.roots import Root

PYTHON = "/usr/bin/python3"
PACKAGES = ("python3", "python3-numpy")

_FOLDERS = ("lib/", "usr/lib/")  # no program but Python itself: BusyBox stays what it was
_UNUSED = re.compile(r"/(tests?|__pycache__|f2py|distutils|gconv|include)(/|$)|[.][ah]$")
_ALTERNATIVES = {"blas": "libblas.so.3", "lapack": "liblapack.so.3"}


def add_python(root: Root, *, say: Say = silent) -> None:
    """Add Debian's Python and numpy (24 MB to fetch) to a root that is not running. Raises EmulatorError.

    The packages are unpacked only; the one thing their scripts would do that matters is which BLAS is taken.
    """
    packages = Packages(arch=root.arch, say=say)
    for source in packages.unpacked(packages.with_dependencies(PACKAGES)):
        for path in sorted(source.rglob("*")):
            name = path.relative_to(source).as_posix()
            if name.startswith(_FOLDERS) and not _UNUSED.search(name):
                _add(path, root.folder / name)
        for program in source.glob("usr/bin/python3.*[0-9]"):
            _add(program, root.folder / "usr/bin" / program.name)
            (root.folder / PYTHON.lstrip("/")).symlink_to(program.name)
    for folder, name in _ALTERNATIVES.items():
        for found in sorted(root.folder.glob(f"usr/lib/*/{folder}/{name}")):
            (found.parent.parent / name).symlink_to(Path(folder) / name)


def _add(path: Path, target: Path) -> None:
    """Copy a file or link; what the root has already stays."""
    if (path.is_dir() and not path.is_symlink()) or os.path.lexists(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target, follow_symlinks=False)
