"""Processes of this machine, on which simulated and local boards run their programs."""

from __future__ import annotations

import contextlib
from pathlib import Path


def sleeping(seconds: str) -> list[str]:
    """The numbers of those that were started as `sleep SECONDS`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            if (entry / "cmdline").read_bytes().split(b"\0")[:2] == [b"sleep", seconds.encode()]:
                found.append(entry.name)
    return found
