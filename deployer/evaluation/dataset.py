"""A data set as it lies on disk -> its clips with what is true of each, one at a time and in a fixed order.

Known are ESC-50's file names (`FOLD-CLIP-TAKE-TARGET.wav`), a directory a class, a table (CSV or TSV) and the
manifests that `deploy prepare` writes.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from board_runner.errors import InputError, UsageError
from deployer import prepare, resources
from deployer.datasets import classes, labelled, manifest, stored

PATH_COLUMNS = ("path", "file", "filename", "clip", "wav")
TRUTH_COLUMNS = ("target", "class", "class_id", "label", "category", "speaker", "tokens", "text")
TABLES = {".csv": ",", ".tsv": "\t"}
_DIVIDERS = {";": "semicolons", "\t": "tabs", ",": "commas", "|": "bars"}
_NOISE = "_background_noise_"
"""What Speech Commands has beside its classes."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One clip. `truth` is the data set's own word for it: a class by id or name, a speaker, what was said.

    `name` is its place in the data set, `fold` its fold or split; `start_frame` is the window of features that is
    taken, None for the model's choice; `line` that of a table.
    """

    path: Path
    name: str
    truth: str
    fold: str = ""
    start_frame: int | None = None
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """The folder or file, how it is laid out, and its clips: iterating reads the disk again."""

    root: Path
    layout: str
    read: Callable[[], Iterator[Clip]]
    folds: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people call it: a manifest's own word, else file or folder, with the folder that it is in."""
        if self.layout == "manifest":
            known = labelled.load(self.root) if _has_classes(self.root) else manifest.load(self.root)
            if known.dataset != classes.NAME:
                return known.dataset
        whole = self.root.absolute()
        if whole == resources.data_dir() / "clips":
            return "the shipped clips"
        return "/".join(part for part in whole.parts[-2:] if part != "/")

    def __iter__(self) -> Iterator[Clip]:
        return (clip for clip in self.read() if not self.folds or clip.fold in self.folds)


def find(path: Path, *, folds: Sequence[str] = ()) -> DataSet:
    """The data set at `path`; with `folds` those alone. Reads no audio.

    Raises InputError for what is no data set, UsageError where folds are asked for and clips have none.
    """
    if path.suffix.lower() in TABLES and path.is_file():
        return _with(path, "table", lambda: _table(path), folds)
    if path.suffix.lower() == ".json" or (path / stored.NAME).is_file():
        return _with(path, "manifest", lambda: _listed(path), folds)
    if not path.is_dir():
        raise InputError(
            f"{path}: no data set", hint="give a folder of wavs, a table (.csv, .tsv) or a manifest"
        )
    first = next(_walk(path), None)
    if first is None:
        raise InputError(f"{path}: no wav in this folder", hint="`deploy prepare` makes wavs of other audio")
    if prepare.target_of(first.name) is not None:
        return _with(path, "ESC-50 names", lambda: _named(path), folds)
    return _with(path, "class directories", lambda: _sorted_by_class(path), folds)


def _with(root: Path, layout: str, read: Callable[[], Iterator[Clip]], folds: Sequence[str]) -> DataSet:
    first = next(read(), None) if folds else None
    if folds and (first is None or not first.fold):
        raise UsageError(
            f"{root}: its clips have no folds",
            hint="ESC-50's names and a column `fold` of a table state them",
        )
    return DataSet(root=root, layout=layout, read=read, folds=tuple(folds))


def _walk(root: Path) -> Iterator[Path]:
    """Every wav below, by name; a directory's files before its directories'."""
    for place, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name[0] != "." and name != _NOISE)
        for name in sorted(files):
            if name.lower().endswith(".wav") and name[0] != ".":
                yield Path(place, name)


def _named(root: Path) -> Iterator[Clip]:
    for path in _walk(root):
        target = prepare.target_of(path.name)
        if target is None:
            raise InputError(
                f"{path}: not a name of ESC-50's kind, as the others are",
                hint="take it out, or list the clips in a table",
            )
        fold = path.name.partition("-")[0]
        yield Clip(path=path, name=path.relative_to(root).as_posix(), truth=str(target), fold=fold)


def _sorted_by_class(root: Path) -> Iterator[Clip]:
    for path in _walk(root):
        inside = path.relative_to(root)
        if len(inside.parts) < 2:
            raise InputError(
                f"{path}: of no class",
                hint="put it into a folder named after its class, name it as ESC-50 does, or write a table",
            )
        yield Clip(path=path, name=inside.as_posix(), truth=inside.parts[0])


def _listed(path: Path) -> Iterator[Clip]:
    """A manifest's clips, of either kind."""
    folder = path if path.is_dir() else path.parent
    if _has_classes(path):
        known = labelled.load(path)
        for one in known.clips:
            fold = str(one.fold) if one.fold is not None else one.split or ""
            if not 0 <= one.class_id < len(known.classes):
                raise InputError(
                    f"{path}: damaged manifest: {one.file} is of class {one.class_id} of {len(known.classes)}",
                    hint=f"{labelled.MADE_BY} makes such a manifest",
                )
            truth = known.classes[one.class_id]
            yield Clip(path=folder / one.file, name=one.file, truth=truth, fold=fold)
        return
    for clip in manifest.load(path).clips:
        yield Clip(
            path=folder / clip.file,
            name=clip.file,
            truth=clip.speaker,
            fold=clip.split,
            start_frame=clip.start_frame,
        )


def _has_classes(path: Path) -> bool:
    """Whether it is a manifest of classes, damaged or not; else it is one of speakers. Raises InputError."""
    file = path / stored.NAME if path.is_dir() else path
    made_by = f"{labelled.MADE_BY}, or {manifest.MADE_BY}, makes one"
    try:
        fields = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as e:
        raise InputError(f"{file}: not a manifest that can be read ({e})", hint=made_by) from e
    clips = fields.get("clips") if isinstance(fields, dict) else None
    first = clips[0] if isinstance(clips, list) and clips and isinstance(clips[0], dict) else {}
    known = {*fields, *first} if isinstance(fields, dict) else set()
    if known & {"classes", "class_id", "shares"}:
        return True
    if known & {"frames", "speaker", "start_frame", "left_out"}:
        return False
    raise InputError(f"{file}: a manifest neither of classes nor of speakers", hint=made_by)


def _table(path: Path) -> Iterator[Clip]:
    """A row a clip, paths from the table's own folder."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, delimiter=TABLES[path.suffix.lower()])
            names = rows.fieldnames or ()
            where, truth = (_column(path, names, known) for known in (PATH_COLUMNS, TRUTH_COLUMNS))
            for row in rows:
                yield _row(path, rows.line_num, row, where, truth)
    except UnicodeDecodeError as e:
        raise InputError(
            f"{path}: a table that is not UTF-8 (byte {e.start})",
            hint=f"save it as UTF-8: `iconv -f latin1 -t utf-8 {path.name} > new{path.suffix}`",
        ) from e
    except (OSError, csv.Error) as e:
        raise InputError(
            f"{path}: cannot be read as a table ({e})", hint="a line of names, then a line a clip"
        ) from e


def _column(path: Path, names: Sequence[str], known: Sequence[str]) -> str:
    for name in known:
        if name in names:
            return name
    raise InputError(
        f"{path}: no column {' or '.join(known)}; it has {', '.join(names) or 'none'}",
        hint=_divided(path, names) or "its first line names the columns",
    )


def _divided(path: Path, names: Sequence[str]) -> str:
    """What to do where the header is one word that holds another kind of table's divider."""
    wanted = {",": "commas", "\t": "tabs"}[TABLES[path.suffix.lower()]]
    found = [word for mark, word in _DIVIDERS.items() if len(names) == 1 and mark in names[0]]
    return f"its columns are divided by {found[0]}; a {path.suffix} wants {wanted}" if found else ""


def _row(path: Path, line: int, row: Mapping[str, str | None], where: str, truth: str) -> Clip:
    file, said = row.get(where), row.get(truth)
    if not file or not said:
        raise InputError(
            f"{path}, line {line}: no {where if not file else truth}",
            hint="complete the line, or take it out",
        )
    return Clip(path=path.parent / file, name=file, truth=said, fold=row.get("fold") or "", line=line)
