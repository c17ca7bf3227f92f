"""Whether the board program will take the clips, remembered by what a file system says of them.

Reading forty clips takes longer than asking a board whether it has them. What was found is kept with each
file's size, time and inode; any change of those, or of the model, reads anew. (A stamp may save a check; what
is on a board is always told by content.)
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from deployer.project import Project

_FILE = "checked_clips.json"


def check(project: Project) -> None:
    """Read every clip that changed since the last time. Raises InputError for one the program would refuse."""
    kept = project.deployment.state_dir / _FILE
    now = {str(path): _stamp(path) for path in (_model(project), *project.clips)}
    if _read(kept) == now:
        return
    project.check_clips()
    kept.parent.mkdir(parents=True, exist_ok=True)
    fresh = kept.with_name(f".{_FILE}.{os.getpid()}")
    fresh.write_text(json.dumps(now))
    fresh.replace(kept)


def _model(project: Project) -> Path:
    """What says at which rate clips are: the model."""
    return project.onnx


def _stamp(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def _read(kept: Path) -> object:
    try:
        return json.loads(kept.read_text())
    except (OSError, ValueError):
        return None
