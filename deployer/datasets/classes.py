"""Folders named after their classes: every clip prepared, and a split into train, val and test that stays."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from board_runner.contract import InputContract
from board_runner.errors import InputError, UsageError
from deployer import prepare
from deployer.datasets import labelled, stored
from deployer.datasets.labelled import SPLITS, WAVS, Clip, Manifest, Split
from deployer.events import Advanced, Emit, Finished, Started, Warned, ignore

STEP = "prepare"
NAME = "classes"
SHARES: Mapping[Split, float] = {"train": 0.8, "val": 0.1, "test": 0.1}


@dataclass(frozen=True, kw_only=True)
class _Found:
    path: Path
    relative: str
    name: str


def shares_of(text: str) -> dict[Split, float]:
    """`80,10,10` -> shares of train, val and test, in sum 1; raises UsageError."""
    try:
        values = [float(word) for word in text.replace("/", ",").split(",")]
    except ValueError:
        values = []
    if len(values) != len(SPLITS) or not all(0 <= value < 1e9 for value in values) or values[0] == 0:
        raise UsageError(f"shares {text!r}", hint="three numbers, of train, val and test: 80,10,10")
    return {split: value / sum(values) for split, value in zip(SPLITS, values, strict=True)}


def make(
    folder: Path,
    out_dir: Path,
    contract: InputContract,
    *,
    seed: int = 0,
    shares: Mapping[Split, float] = SHARES,
    emit: Emit = ignore,
) -> Manifest:
    """Write `wav/CLASS/.../FILE_22.05k.wav` (the rate is the contract's) and `manifest.json` into `out_dir`.

    Class ids are ranks of the names. Where `out_dir` has a manifest already, its classes keep their ids and its
    clips their split, and what is new comes after them. Raises InputError for a folder without classes, for a file
    that is no audio, and for a manifest of another seed, other shares or another rate.
    """
    found = _wanted(folder, out_dir)
    before = _before(out_dir, contract.sample_rate_hz, seed, shares)
    classes = _class_names(found, before, emit)
    splits = assign({item.relative: item.name for item in found}, _known(before), seed=seed, shares=shares)
    emit(Started(step=STEP, total=len(found), unit="files"))
    clips = []
    for number, item in enumerate(found, 1):
        clips.append(_prepared(item, out_dir, contract, classes.index(item.name), splits[item.relative]))
        emit(Advanced(step=STEP, done=number, total=len(found), note=item.relative))
    here = {item.relative for item in found}
    old = (*before.clips, *before.gone) if before else ()
    gone = tuple(clip for clip in old if clip.source not in here)
    if gone:
        emit(Warned(step=STEP, message=f"{len(gone)} clips of the manifest are no longer in {folder}"))
    manifest = Manifest(
        dataset=NAME,
        sample_rate_hz=contract.sample_rate_hz,
        classes=classes,
        clips=tuple(_in_order(clips, before)),
        seed=seed,
        shares=dict(shares),
        gone=gone,
    )
    path = manifest.save(out_dir)
    counts = ", ".join(f"{manifest.count(split)} {split}" for split in SPLITS)
    emit(Finished(step=STEP, note=f"{len(clips)} clips of {len(classes)} classes ({counts}), {path}"))
    return manifest


def assign(
    files: Mapping[str, str], known: Mapping[str, Split], *, seed: int, shares: Mapping[Split, float]
) -> dict[str, Split]:
    """The split of each file (path -> class); what `known` holds stays.

    A class's other files come in the order of a hash of seed and path, and each goes to the split that is
    furthest below its share of the class: so in every class counts are less than one clip off.
    """
    counts = {name: Counter[Split]() for name in set(files.values())}
    for path, split in known.items():
        if path in files:
            counts[files[path]][split] += 1
    assigned: dict[str, Split] = {path: known[path] for path in files if path in known}
    for path in sorted(set(files) - set(known), key=lambda path: _rank(seed, path)):
        have = counts[files[path]]
        total = have.total() + 1
        assigned[path] = max(SPLITS, key=lambda split: round(shares[split] * total - have[split], 9))
        have[assigned[path]] += 1
    return assigned


def _rank(seed: int, path: str) -> bytes:
    return hashlib.sha256(f"{seed}:{path}".encode()).digest()


def _wanted(folder: Path, out_dir: Path) -> list[_Found]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder", hint="give the folder that holds one folder a class")
    if out_dir.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{out_dir} lies in {folder}: its wavs would be taken for more clips")
    found = []
    for path in sorted(folder.glob("*/**/*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in parts)
        if path.is_file() and path.suffix.lower() in prepare.SUFFIXES and not hidden:
            found.append(_Found(path=path, relative="/".join(parts), name=parts[0]))
    if len({item.name for item in found}) < 2:
        raise InputError(
            f"{folder}: audio of {len({item.name for item in found})} classes, wants two at least",
            hint="one folder a class, named after it, with its clips inside",
        )
    stems: dict[str, str] = {}
    for item in found:
        same = stems.setdefault(item.relative.removesuffix(item.path.suffix), item.relative)
        if same != item.relative:
            raise InputError(f"{folder}: {same} and {item.relative} would become one wav", hint="rename one")
    return found


def _before(out_dir: Path, rate: int, seed: int, shares: Mapping[Split, float]) -> Manifest | None:
    """The manifest of an earlier run, which must have been made in the same way."""
    if not (out_dir / stored.NAME).exists():
        return None
    before = labelled.load(out_dir)
    asked = {"dataset": NAME, "sample_rate_hz": rate, "seed": seed, "shares": dict(shares)}
    for name, value in asked.items():
        had = getattr(before, name)
        if had != value:
            raise InputError(
                f"{out_dir / stored.NAME}: made with {name} {had}, asked for {value}: clips would change sides",
                hint="ask for the same, or give another --out",
            )
    return before


def _class_names(found: list[_Found], before: Manifest | None, emit: Emit) -> tuple[str, ...]:
    old = before.classes if before else ()
    new = sorted({item.name for item in found} - set(old))
    if old and new:
        emit(Warned(step=STEP, message=f"new classes come after the old ones: {', '.join(new)}"))
    return (*old, *new)


def _known(before: Manifest | None) -> dict[str, Split]:
    clips = (*before.clips, *before.gone) if before else ()
    return {clip.source: clip.split for clip in clips if clip.split is not None}


def _in_order(clips: list[Clip], before: Manifest | None) -> list[Clip]:
    """Old clips where they were, new ones after them by path."""
    place = {clip.source: number for number, clip in enumerate(before.clips if before else ())}
    return sorted(clips, key=lambda clip: (place.get(clip.source, len(place)), clip.source))


def _prepared(item: _Found, out_dir: Path, contract: InputContract, class_id: int, split: Split) -> Clip:
    place = Path(WAVS, item.relative).parent
    [made] = prepare.prepare([item.path], out_dir / place, contract, emit=ignore)
    return Clip(
        file=(place / made.target.name).as_posix(),
        source=item.relative,
        class_id=class_id,
        seconds=made.seconds,
        split=split,
    )
