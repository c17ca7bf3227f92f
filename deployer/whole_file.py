"""Files that are there whole or not at all, whoever reads meanwhile and whatever ends the writer."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Put `content` into `path` by a rename, whoever else does so now. Raises OSError.

    A writer that is killed leaves a file whose name begins with a dot.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(3).hex()}")
    try:
        part.write_bytes(content)
        if mode is not None:
            part.chmod(mode)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
