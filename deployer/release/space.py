"""Whether a release fits, counted per file system before anything is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from deployer.errors import NoSpace
from deployer.release.contents import arrived_bytes
from deployer.release.manifest import Entry, Manifest
from deployer.release.survey import Inventory, Place

_BLOCK_BYTES = 4096
_LINK_BYTES = 4096
_SLACK_KIB = 64


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What must go before the new contents come, and what is known about a way back."""

    drop: tuple[str, ...] = ()  # releases to remove first
    replaces: bool = False  # the current release is among them: while under way the board has none
    note: str = ""


def kib(size_bytes: int) -> int:
    """The room a file of this size takes, in KiB of whole blocks."""
    return -(-size_bytes // _BLOCK_BYTES) * (_BLOCK_BYTES // 1024)


def fit(there: Inventory, wanted: Manifest, sending: Sequence[Entry], *, keep: int, replace: bool) -> Fit:
    """Find a way in: beside all releases, without the former ones, or (`replace`) without the current one.

    Raises NoSpace with the numbers of the file system that is too small.
    """
    needed = _needed(there, sending)
    if not _short(there, needed, freed={}):
        return Fit()
    contents = {entry.content for entry in wanted.entries}
    former = [name for name in there.releases if name != there.current]
    freed = _freed(there, former, contents)
    if former and not _short(there, needed, freed):
        return Fit(
            drop=tuple(former), note="no room for more than one former release: the older ones go first"
        )
    everything = list(there.releases)
    freed_by_all = _freed(there, everything, contents)
    fits_alone = not _short(there, needed, freed_by_all)
    if (replace or keep == 0) and everything and fits_alone:
        return Fit(
            drop=tuple(everything),
            replaces=True,
            note="no room beside the present release: it is removed first, and there is no way back",
        )
    raise _refusal(there, needed, freed if former else {}, fits_alone=fits_alone and bool(everything))


def _needed(there: Inventory, sending: Sequence[Entry]) -> dict[str, int]:
    """KiB by file system; what has arrived already counts as there."""
    needed: dict[str, int] = defaultdict(int)
    for entry in {entry.content: entry for entry in sending}.values():
        place = there.place(entry.place)
        needed[_key(place)] += kib(entry.size_bytes) - arrived_bytes(there, entry) // 1024
    needed[_key(there.places[0])] += len(sending) * _LINK_BYTES // 1024
    return {key: need + _SLACK_KIB for key, need in needed.items()}


def _short(
    there: Inventory, needed: Mapping[str, int], freed: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    """File systems without enough room: key -> (needed, free) in KiB."""
    free = {_key(place): place.free_kib for place in there.places}
    short = {}
    for key, need in needed.items():
        room = free.get(key)
        if room is not None and room + freed.get(key, 0) < need:
            short[key] = (need, room + freed.get(key, 0))
    return short


def _freed(there: Inventory, dropped: Collection[str], wanted: Collection[str]) -> dict[str, int]:
    """KiB that come free on each file system when these releases and all unused contents go."""
    kept = set(wanted)
    for name, release in there.releases.items():
        if name not in dropped and release.manifest is not None:
            kept |= {entry.content for entry in release.manifest.entries}
    freed: dict[str, int] = defaultdict(int)
    for place in there.places:
        for content, size_bytes in (place.stored | place.staged).items():
            if content not in kept:
                freed[_key(place)] += kib(size_bytes)
    return freed


def _refusal(
    there: Inventory, needed: Mapping[str, int], freed: Mapping[str, int], *, fits_alone: bool
) -> NoSpace:
    key, (need, free) = next(iter(_short(there, needed, freed).items()))
    place = next(place for place in there.places if _key(place) == key)
    if fits_alone:
        hint = (
            "it fits if the present release goes first: `deploy push --replace` (or `keep: 0` for this board); "
            "until that push is through the board has no release"
        )
    else:
        hint = "delete files on the board, or set `directory:` or `places:` of this board to a larger file system"
    return NoSpace(
        f"no room in {place.path}: {need} KiB needed, {free} KiB free; nothing was sent", hint=hint
    )


def _key(place: Place) -> str:
    return place.file_system or str(place.path)
