"""Whether the board program will take the clips, remembered by what a file system says of them.

Reading forty clips takes longer than asking a board whether it has them, and loading what reads them longer
still. So what was found is kept with each file's size, time and inode, and a clip whose header is the plainest
there is (`deploy prepare` writes no other) is judged by that alone; whatever differs is read as the board program
will. (A stamp may save a check; what is on a board is always told by content.)
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
from pathlib import Path
from typing import Any

from deployer.board.access.hostkeys import state_dir
from deployer.project import Project

_FILE = "checked_clips.json"
_RATES_FILE = "model_rates.json"
_MOST_RATES = 64
_HEADER = struct.Struct("<4sI8sIHHIIHH4sI")


def check(project: Project) -> None:
    """Read every clip that changed since the last time. Raises InputError for one the program would refuse."""
    kept = project.deployment.state_dir / _FILE
    now = {str(path): _stamp(path) for path in (_model(project), *project.clips)}
    if _read(kept) == now:
        return
    rate_hz = _rate_hz(project)
    if not all(is_plain(clip, rate_hz) for clip in project.clips):
        project.check_clips()
    _write(kept, now)


def is_plain(clip: Path, rate_hz: int) -> bool:
    """Whether this is 16-bit PCM in one channel at that rate and all there, told by the shortest header."""
    with clip.open("rb") as file:
        head = file.read(_HEADER.size)
        file_bytes = os.fstat(file.fileno()).st_size
    if len(head) < _HEADER.size:
        return False
    riff, _, wave, fmt_bytes, codec, channels, rate, _, block, bits, data, size = _HEADER.unpack(head)
    known = (riff, wave, fmt_bytes, codec, channels, block, bits, data)
    whole = 0 < size <= file_bytes - _HEADER.size and size % 2 == 0
    return known == (b"RIFF", b"WAVEfmt ", 16, 1, 1, 2, 16, b"data") and rate == rate_hz and whole


def _rate_hz(project: Project) -> int:
    """The rate that the model wants; loading a model to ask it takes a push's time, so it is remembered too."""
    kept = state_dir() / _RATES_FILE
    rates, model = _read(kept), _model(project)
    key = " ".join([project.model_name, str(model), *map(str, _stamp(model))])
    known = rates.get(key)
    if isinstance(known, int):
        return known
    rate_hz = project.contract.sample_rate_hz
    with contextlib.suppress(OSError):  # what cannot be kept is found out anew
        _write(kept, dict([*rates.items(), (key, rate_hz)][-_MOST_RATES:]))
    return rate_hz


def _model(project: Project) -> Path:
    """What says at which rate clips are: the model."""
    return project.static or project.onnx


def _stamp(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def _read(kept: Path) -> dict[str, Any]:
    try:
        found = json.loads(kept.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(kept: Path, what: dict[str, Any]) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    fresh = kept.with_name(f".{kept.name}.{os.getpid()}")
    fresh.write_text(json.dumps(what))
    fresh.replace(kept)
