"""Where a board's directories lie: on what device, with how much room, and what cannot be done there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from deployer.board.base import PlaceFacts


@dataclass(frozen=True, kw_only=True)
class Df:
    """One line of `df -k`."""

    device: str
    free_kib: int
    mount: str


def read_df(text: str) -> Df | None:
    """Output of `df -k PATH`; BusyBox breaks the line after a long device name."""
    _, _, rows = text.partition("\n")
    joined = re.sub(r"\n\s+", " ", rows)
    found = re.search(r"^(\S+)\s+\d+\s+\d+\s+(\d+)\s+(?:\d+%|-)\s+(/.*)$", joined, re.MULTILINE)
    return Df(device=found[1], free_kib=int(found[2]), mount=found[3].strip()) if found else None


def free_kib(df: bytes) -> int | None:
    """Output of `df -k PATH` -> KiB available."""
    found = read_df(df.decode("utf-8", "replace"))
    return found.free_kib if found else None


def places_of(sections: Mapping[str, str]) -> tuple[PlaceFacts, ...]:
    """The directories that were asked for, in order; the first is the deploy directory."""
    mounts = _mounts(sections.get("mounts", ""))
    found: list[PlaceFacts] = []
    while f"place{len(found)}" in sections:
        head, _, rest = sections[f"place{len(found)}"].lstrip("\n").partition("\n")
        there, _, df = rest.partition("\n")
        mark, _, existing = there.partition(" ")
        found.append(_place(head, existing or "/", mark == "w", read_df(df), mounts))
    return tuple(found)


def _place(
    path: str, existing: str, writable: bool, df: Df | None, mounts: Mapping[str, tuple[str, frozenset[str]]]
) -> PlaceFacts:
    """`df` knows the mount best; without it the longest mount point above the directory is."""
    above = [point for point in mounts if point == "/" or f"{existing}/".startswith(f"{point}/")]
    mount = df.mount if df else max(above, key=len, default=None)
    device, options = mounts.get(mount or "", (None, None))
    read_only = None if options is None else "ro" in options
    return PlaceFacts(
        path=path,
        existing=existing,
        device=df.device if df else device,
        mount=mount,
        free_kib=df.free_kib if df else None,
        writable=writable and not read_only,  # some shells' `[ -w` lets root write anywhere
        read_only=read_only,
        noexec=None if options is None else "noexec" in options,
    )


def _mounts(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    """/proc/mounts: mount point -> device and options; of two on one point the later is on top."""
    mounts = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 4:
            mounts[_unescaped(words[1])] = (_unescaped(words[0]), frozenset(words[3].split(",")))
    return mounts


def _unescaped(word: str) -> str:
    """The kernel writes blanks in paths as `\\040`."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)
