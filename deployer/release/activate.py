"""From settled contents to a release, and from one release to the next: a pointer is renamed, nothing else."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePosixPath

from deployer.board.base import Board
from deployer.board.files import digests
from deployer.release.contents import insist
from deployer.release.lock import LET_GO, Held
from deployer.release.manifest import NAME, Entry, Manifest
from deployer.release.survey import Inventory

_TIMEOUT_S = 120.0

POINT = r"""
point() {
    if [ -e "$1" ] && [ ! -L "$1" ]; then echo "$1 is not a link that deploy made" >&2; return 1; fi
    rm -f "$1.next" && ln -s "$2" "$1.next" || return 1
    mv -fT "$1.next" "$1" 2>/dev/null || { rm -f "$1" && mv -f "$1.next" "$1"; }
}
"""
"""An old BusyBox's `mv` has no -T and would move into the folder that the pointer names: there the pointer is
away for an instant, and `current.next` tells what it should be."""

FINISH = (
    POINT
    + LET_GO
    + r"""
d=$1 id=$2 old=$3 part=$4 ours=$5 synced=$6
shift 6
while [ "$1" = .. ]; do
    p=$2 l=
    shift 2
    while [ $# -gt 0 ] && [ "$1" != .. ] && [ "$1" != ... ]; do l="$l $1"; shift; done
    (
        cd -- "$p/staging" || exit 1
        set -- $l
        if [ -z "$synced" ]; then
            chmod 644 "$@" || exit 1
            for f; do
                case $f in *.x) chmod 755 "$f" || exit 1 ;; esac
            done
            sync "$@" 2>/dev/null || sync
        fi
        mv -f "$@" ../store/ && { [ "$p" = "$d" ] || sync ../store 2>/dev/null || sync; }
    ) || exit 1
done
[ "$1" = ... ] && shift
cd -- "$d" || exit 1
r=releases/$id
bad=
if [ "$part" = tar ]; then
    mkdir -p "$r" && (cd -- "$r" && EXTRACT_UNSAFE_SYMLINKS=1 tar xf - 2>/dev/null) || bad=tar
fi
while [ $# -ge 2 ]; do
    if [ "$part$bad" = tar ] && [ -L "$r/$1" ] && [ -e "$r/$1" ]; then shift 2; continue; fi
    case $1 in */*) f=$r/${1%/*} ;; *) f=$r ;; esac
    [ -d "$f" ] || mkdir -p "$f" || exit 1
    if [ -d "$r/$1" ]; then echo "$1: is a directory" >&2; exit 1; fi
    ln -sf "$2" "$r/$1" || exit 1
    shift 2
done
case $part in
last) mkdir -p "$r" && cat >"$r/.manifest" || exit 1 ;;
tar) [ -z "$bad" ] || { echo "tar cannot unpack links in $d/$r" >&2; exit 1; } ;;
*) exit 0 ;;
esac
if [ -n "$old" ] && [ "$old" != "$id" ]; then point "$r/.previous" "$old" || exit 1; fi
for f in "$r"/*/ "$r"/*/*/; do
    if [ -d "$f" ]; then set -- "$@" "$f"; fi
done
sync store releases "$r" "$r/.manifest" "$@" 2>/dev/null || sync
point current "$d/releases/$id" || exit 1
sync . 2>/dev/null || sync || exit 1
[ -z "$ours" ] || let_go "$ours"
exit 0
"""
)
"""Arguments: directory, id, the release before, `last`, `tar` or neither, the words of a lock that is over with
this (or empty), `synced` where the contents are on flash already (or empty); then for each place `..`, its path and
the verified contents to move from staging into its store; then `...`, and names with what they point to. A file
that was renamed before its bytes were on flash is lost at a power cut, hence the `sync` before each rename that
counts; where `sync` knows no arguments it writes everything back, which serves as well. Standard input is the
manifest (`last`), or a tar of all links and the manifest: one process in place of a `ln` a name. What tar did not
make is made by `ln`. EXTRACT_UNSAFE_SYMLINKS is for BusyBox 1.28, whose tar else leaves out links to absolute
names."""

SWITCH = (
    POINT
    + r"""
cd -- "$1" || exit 1
point current "$1/releases/$2" && { sync . 2>/dev/null || sync; }
"""
)

TAKE_DOWN = 'cd -- "$1" && rm -f current && { sync . 2>/dev/null || sync; }'

REMOVE = r"""
cd -- "$1" || exit 1
shift
rm -rf -- "$@"
"""


def activate(
    board: Board,
    directory: PurePosixPath,
    wanted: Manifest,
    settling: Sequence[Entry],
    *,
    previous: str | None,
    by_tar: bool = False,
    letting_go: Held | None = None,
    synced: bool = False,
) -> None:
    """Settle what is verified in staging and make `wanted` the current release. Raises TransferError.

    `by_tar`: the board has a tar that can make the links at once. `letting_go`: the lock, where this is all.
    `synced`: what is to be settled is on flash already.
    """
    moves = _moves(settling)
    links = [word for e in wanted.entries for word in (str(e.name), str(e.stored))]
    text = wanted.text().encode("utf-8", "surrogateescape")
    steps = [[*moves, "...", *links]]
    if len(list(digests.batches(steps[0]))) > 1:
        steps = [_moves(some) for some in _runs(settling)]
        steps += [["...", *some] for some in digests.batches(links, group=2)]
    for number, words in enumerate(steps, start=1):
        part = "" if number < len(steps) else "tar" if by_tar and len(steps) == 1 else "last"
        stdin = {"": None, "last": [text], "tar": [_links(wanted, text)]}[part]
        ours = letting_go.words if letting_go is not None and number == len(steps) else ""
        head = (str(directory), wanted.id, previous or "", part, ours, "synced" if synced else "")
        insist(board, board.script(FINISH, *head, *words, timeout_s=_TIMEOUT_S, stdin=stdin))
    if letting_go is not None:
        letting_go.let_go = True


def _links(wanted: Manifest, text: bytes) -> bytes:
    """A tar of the release's folder: a link a name, and last the manifest."""
    kept = io.BytesIO()
    with tarfile.open(
        fileobj=kept, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for entry in wanted.entries:
            link = tarfile.TarInfo(str(entry.name))
            link.type, link.linkname, link.mode = tarfile.SYMTYPE, str(entry.stored), 0o777
            archive.addfile(link)
        manifest = tarfile.TarInfo(NAME)
        manifest.size, manifest.mode = len(text), 0o644
        archive.addfile(manifest, io.BytesIO(text))
    return kept.getvalue()


def _moves(settling: Sequence[Entry]) -> list[str]:
    words: list[str] = []
    for place in dict.fromkeys(e.place for e in settling):
        words += ["..", str(place), *dict.fromkeys(e.content for e in settling if e.place == place)]
    return words


def _runs(entries: Sequence[Entry], size: int = 400) -> Iterator[Sequence[Entry]]:
    for start in range(0, len(entries), size):
        yield entries[start : start + size]


def switch(board: Board, directory: PurePosixPath, release: str) -> None:
    """Make a release that is there the current one. Raises TransferError."""
    insist(board, board.script(SWITCH, str(directory), release, timeout_s=_TIMEOUT_S))


def take_down(board: Board, directory: PurePosixPath) -> None:
    """Have no current release, before its contents go. Raises TransferError."""
    insist(board, board.script(TAKE_DOWN, str(directory), timeout_s=_TIMEOUT_S))


def remove(board: Board, there: Inventory, unwanted: Sequence[PurePosixPath]) -> None:
    """Take files and folders away, below the directory and the places only. Raises TransferError."""
    for place in there.places:
        inside = [str(p.relative_to(place.path)) for p in unwanted if p.is_relative_to(place.path)]
        for some in digests.batches(inside):
            insist(board, board.script(REMOVE, str(place.path), *some, timeout_s=_TIMEOUT_S))


def unused(
    there: Inventory, kept_releases: Collection[str], *, also: Collection[str] = (), staging: bool = False
) -> list[PurePosixPath]:
    """What nothing needs: releases not kept, contents of none of them, and with `staging` what is on its way.

    `also` names contents that are about to be used.
    """
    found = [there.directory / "releases" / name for name in there.releases if name not in kept_releases]
    needed = set(also)
    unreadable = False
    for name in kept_releases:
        release = there.releases.get(name)
        if release is not None and release.manifest is not None:
            needed |= {entry.content for entry in release.manifest.entries}
        elif release is not None:
            unreadable = True  # whatever it needs must stay
    for place in there.places:
        if not unreadable:
            found += [place.path / "store" / name for name in place.stored if name not in needed]
        if staging:
            found += [place.path / "staging" / name for name in place.staged]
    return found


def kept(there: Inventory, keep: int) -> list[str]:
    """The current release and up to `keep` before it."""
    return there.chain()[: keep + 1]
