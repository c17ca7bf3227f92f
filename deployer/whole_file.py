"""Files that are there whole or not at all, whoever reads meanwhile and whatever ends the writer."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Put `content` into `path` by a rename; a file that begins with a dot is what a killed writer leaves."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(content)
    part.replace(path)
