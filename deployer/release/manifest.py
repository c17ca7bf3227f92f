"""What a release is made of: names, contents and where on the board they lie."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from board_runner.errors import UsageError
from deployer.board.files import digests
from deployer.errors import MissingArtifact

STEP = "push"
CURRENT = "current"
"""Where under the board's directory the vendor's names lie."""

NAME = ".manifest"
_HEADER = "deploy-manifest 2"
_ID_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class BoardFile:
    """A local file and its name in the release (`models/eat.img`)."""

    source: Path
    name: PurePosixPath
    executable: bool = False


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file of a release. `place` is the directory that holds its `store/`; `md5` tells damage on a board."""

    name: PurePosixPath
    sha256: str
    md5: str
    size_bytes: int
    executable: bool
    place: PurePosixPath

    def is_content_of(self, there: digests.Digest | None) -> bool:
        """Whether this is what the board found there."""
        if there is None:
            return False
        return there.value == (self.md5 if there.algorithm == "md5" else self.sha256)

    @property
    def stored(self) -> PurePosixPath:
        """Where the verified content lies."""
        return self.place / "store" / self.content

    @property
    def staged(self) -> PurePosixPath:
        """Where it arrives."""
        return self.place / "staging" / self.content

    @property
    def content(self) -> str:
        """The content's name: its hash; a program and the same bytes as data are two files."""
        return f"{self.sha256}.x" if self.executable else self.sha256


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A release, independent of this machine's paths."""

    entries: tuple[Entry, ...]

    @property
    def id(self) -> str:
        """The same names, contents and places give the same id."""
        return hashlib.sha256(self.text().encode("utf-8", "surrogateescape")).hexdigest()[:_ID_DIGITS]

    def text(self) -> str:
        """A line a file: both hashes, `x` or `-`, bytes, place and name, parted by tabs."""
        lines = [
            "\t".join(
                (e.sha256, e.md5, "x" if e.executable else "-", str(e.size_bytes), str(e.place), str(e.name))
            )
            for e in sorted(self.entries, key=lambda e: str(e.name))
        ]
        return "\n".join([_HEADER, *lines, ""])


def parse(text: str) -> Manifest | None:
    """A manifest as read on a board; None for anything else, cut-off files included."""
    header, _, body = text.partition("\n")
    if header != _HEADER or not text.endswith("\n"):
        return None
    entries = []
    for line in body[:-1].split("\n") if body else []:
        match line.split("\t", 5):
            case [sha256, md5, "x" | "-" as mode, size, place, name] if (
                size.isdigit() and len(sha256) == 64 and len(md5) == 32
            ):
                entries.append(
                    Entry(
                        name=PurePosixPath(name),
                        sha256=sha256,
                        md5=md5,
                        size_bytes=int(size),
                        executable=mode == "x",
                        place=PurePosixPath(place),
                    )
                )
            case _:
                return None
    return Manifest(entries=tuple(entries))


def of(
    files: Sequence[BoardFile], directory: PurePosixPath, places: Mapping[str, PurePosixPath]
) -> tuple[Manifest, dict[str, Path]]:
    """The release that `files` make, and for each content its local file.

    Raises MissingArtifact, and UsageError for a name that is twice there, leaves the release or cannot be.
    """
    entries: list[Entry] = []
    sources: dict[str, Path] = {}
    seen: set[PurePosixPath] = set()
    for file in files:
        _check_name(file.name, seen)
        if not file.source.is_file():
            raise MissingArtifact(f"{file.source}: no such file", hint="`deploy all` makes what is missing")
        seen.add(file.name)
        sha256, md5 = digests.both(file.source)
        entry = Entry(
            name=file.name,
            sha256=sha256,
            md5=md5,
            size_bytes=file.source.stat().st_size,
            executable=file.executable,
            place=_place(file.name, directory, places),
        )
        entries.append(entry)
        sources[entry.content] = file.source
    for name in seen:
        inside = next((p for p in name.parents if p in seen), None)
        if inside is not None:
            raise UsageError(f"{inside} would be both a file and a folder on the board", hint="rename one")
    return Manifest(entries=tuple(entries)), sources


def _check_name(name: PurePosixPath, seen: set[PurePosixPath]) -> None:
    text = str(name)
    if name.is_absolute() or ".." in name.parts or not name.parts or any(c in text for c in "\n\r\0"):
        raise UsageError(
            f"{text!r} is no name for a file on the board", hint="relative names without `..` and line breaks"
        )
    longest = max(len(part.encode("utf-8", "surrogateescape")) for part in name.parts)
    if longest > 255 or name.parts[0] == NAME:
        raise UsageError(f"{text[:60]!r} is no name for a file on the board", hint="255 bytes at most")
    if name in seen:
        raise UsageError(f"two files would become {name} on the board", hint="rename one of them")


def _place(
    name: PurePosixPath, directory: PurePosixPath, places: Mapping[str, PurePosixPath]
) -> PurePosixPath:
    for pattern, place in places.items():
        if fnmatch.fnmatchcase(str(name), pattern):
            return place
    return directory
