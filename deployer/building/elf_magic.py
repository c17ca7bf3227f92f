"""Whether a file is an ELF program, told without the library that reads such files."""

from __future__ import annotations

from pathlib import Path

MAGIC = b"\x7fELF"


def is_elf(path: Path) -> bool:
    """Whether the file begins as ELF does."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC
