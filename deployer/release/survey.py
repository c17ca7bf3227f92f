"""Everything that deploy has on a board, asked in one command, which takes the board's lock on the way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from deployer.board.base import Board, Completed
from deployer.errors import TransferError
from deployer.events import Emit
from deployer.release import lock, manifest
from deployer.release.lock import Held, Holder, Then
from deployer.release.manifest import Manifest

_TIMEOUT_S = 120.0

INSPECT = (
    lock.LINK_TARGET
    + r"""
prepare() { for p; do mkdir -p -- "$p/store" "$p/staging" || return 1; done; }
inspect() {
    echo @tools
    for a in tar dd base64 cat sha256sum; do command -v $a >/dev/null 2>&1 && echo $a; done
    echo @boot
    cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo
    cat /proc/uptime 2>/dev/null
    cd -- "$1" 2>/dev/null && {
        if [ -L current ]; then
            p=$(cd current 2>/dev/null && pwd -P) && echo "@current ${p##*/}"
        elif [ -e current ]; then
            echo @foreign
        fi
        if [ -L lock ]; then echo "@lock $(target lock)"; fi
        for r in releases/*; do
            [ -d "$r" ] || continue
            echo "@release ${r##*/} $(target "$r/.previous")"
            cat "$r/.manifest" 2>/dev/null
        done
    }
    for d; do
        echo @place
        e=$d
        while [ -n "$e" ] && [ ! -d "$e" ]; do e=${e%/*}; done
        df -k "${e:-/}" 2>/dev/null
        for k in store staging; do
            echo "@$k"
            ls -ln "$d/$k" 2>/dev/null
        done
    done
    return 0
}
"""
)
"""`inspect DIRECTORY PLACE...`; the directory is the first of its places. `prepare` makes their folders."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One directory with a store. `file_system` tells two places on one file system from two on two."""

    path: PurePosixPath
    file_system: str | None = None
    free_kib: int | None = None
    stored: dict[str, int] = field(default_factory=dict)  # content -> bytes
    staged: dict[str, int] = field(default_factory=dict)  # name in staging/ -> bytes


@dataclass(frozen=True, kw_only=True)
class OnBoard:
    """One release on a board; `manifest` is None where it cannot be read."""

    id: str
    manifest: Manifest | None
    previous: str | None = None


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All that is below a board's directory and places."""

    directory: PurePosixPath
    current: str | None
    releases: dict[str, OnBoard]
    places: tuple[Place, ...]
    tools: frozenset[str]
    boot_id: str
    uptime_s: float | None
    holder: Holder | None
    foreign: bool = False  # a `current` that is no link: not ours
    held: Held | None = None  # our lock, where we hold it

    def chain(self) -> list[str]:
        """The current release, the one before it, and so on."""
        found: list[str] = []
        step = self.current
        while step is not None and step in self.releases and step not in found:
            found.append(step)
            step = self.releases[step].previous
        return found

    def place(self, path: PurePosixPath) -> Place:
        """The place at `path`."""
        return next(place for place in self.places if place.path == path)


def inspect(board: Board, directory: PurePosixPath, places: Iterable[PurePosixPath]) -> Inventory:
    """Everything deploy knows and has left on a board, in one command. Raises TransferError."""
    paths = all_places(directory, places)
    done = board.script(f'{INSPECT}inspect "$@"', *map(str, paths), timeout_s=_TIMEOUT_S)
    return read(board, done, directory, paths)


def locked(
    board: Board, directory: PurePosixPath, places: Iterable[PurePosixPath], purpose: str, *, emit: Emit
) -> AbstractContextManager[Inventory]:
    """Hold the board and get what it holds: two things, one command, since nobody can change it any more.

    The folders for contents are made. Raises BoardBusy, TransferError.
    """
    paths = all_places(directory, places)

    @contextmanager
    def both() -> Iterator[Inventory]:
        then = Then(text=f'{INSPECT}prepare "$@" && inspect "$@"', args=tuple(map(str, paths)))
        with lock.held(board, directory, purpose, then=then, emit=emit) as held:
            yield replace(read(board, held.done, directory, paths), held=held)

    return both()


def all_places(directory: PurePosixPath, places: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """The directory and then the others, each once."""
    return list(dict.fromkeys([directory, *places]))


def read(
    board: Board, done: Completed, directory: PurePosixPath, paths: Sequence[PurePosixPath]
) -> Inventory:
    """A finished INSPECT -> inventory. Raises TransferError."""
    if done.exit_status != 0:
        said = done.stderr.decode("utf-8", "replace").strip()[-200:]
        raise TransferError(
            f"{board.address}: {said or 'the board does not tell what it holds'}",
            hint="may the user write there, is the file system mounted read-only? does it have a working shell?",
        )
    return parse(done.stdout, directory, paths)


def parse(answer: bytes, directory: PurePosixPath, paths: Sequence[PurePosixPath]) -> Inventory:
    """The answer to INSPECT -> inventory; odd lines are passed over."""
    text = answer.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    parts = re.split(r"^@([a-z]+)(?: (.*))?$", text, flags=re.MULTILINE)
    current = None
    boot: list[str] = []
    tools: frozenset[str] = frozenset()
    holder = None
    foreign = False
    releases: dict[str, OnBoard] = {}
    places: list[Place] = []
    for kind, argument, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        match kind:
            case "tools":
                tools = frozenset(body.split())
            case "boot":
                boot = body.split()
            case "current":
                current = argument
            case "foreign":
                foreign = True
            case "lock":
                holder = lock.parse(argument or "")
            case "release":
                name, _, previous = (argument or "").partition(" ")
                releases[name] = OnBoard(
                    id=name, manifest=manifest.parse(body.lstrip("\n")), previous=previous or None
                )
            case "place" if len(places) < len(paths):
                file_system, free_kib = _df(body)
                places.append(Place(path=paths[len(places)], file_system=file_system, free_kib=free_kib))
            case "store" if places:
                places[-1].stored.update(_listing(body))
            case "staging" if places:
                places[-1].staged.update(_listing(body))
            case _:
                pass
    return Inventory(
        directory=directory,
        current=current,
        releases=releases,
        places=tuple(places) or tuple(Place(path=path) for path in paths),
        tools=tools,
        boot_id=boot[0] if boot and "-" in boot[0] else "",
        uptime_s=_number(boot[-2]) if len(boot) >= 2 else None,
        holder=holder,
        foreign=foreign,
    )


def _df(text: str) -> tuple[str | None, int | None]:
    """Where a file system is mounted and its free KiB; BusyBox breaks the line after a long device name."""
    _, _, rows = text.strip("\n").partition("\n")
    found = re.search(r"\s\d+\s+\d+\s+(\d+)\s+(?:\d+%|-)\s+(/.*)", f" {rows}")
    return (found[2].strip(), int(found[1])) if found else (None, None)


def _listing(text: str) -> dict[str, int]:
    """`ls -ln`: the size is the fifth word, the name (hex digits and a suffix) the last."""
    sizes = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 9 and words[0].startswith("-") and words[4].isdigit():
            sizes[words[-1]] = int(words[4])
    return sizes


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
