"""The C runtime: where its sources lie. It is built with `make -C` on this folder, or by an SDK's own makefile."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent
INCLUDE = ROOT / "include"
PROGRAMS = ("prog_sed_eat", "dla_simulator")
"""Each is `programs/NAME.c` over the library."""


def library_sources() -> tuple[Path, ...]:
    """The C files of the library, sorted."""
    return tuple(sorted((ROOT / "src").glob("*.c")))


def headers() -> tuple[Path, ...]:
    """The headers of the library, sorted."""
    return tuple(sorted(INCLUDE.glob("*.h")))


def program_source(name: str) -> Path:
    """The C file with the `main` of a program of `PROGRAMS`."""
    return ROOT / "programs" / f"{name}.c"
