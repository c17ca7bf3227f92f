"""ESC-50, `meta/esc50.csv` and `audio/*.wav`: every clip prepared, class ids as its table has them, folds kept."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from board_runner.contract import InputContract
from board_runner.errors import InputError
from deployer import labels, prepare
from deployer.datasets.labelled import WAVS, Clip, Manifest
from deployer.events import Emit, ignore

NAME = "esc50"
TABLE = Path("meta") / "esc50.csv"
AUDIO = "audio"
COLUMNS = ("filename", "fold", "target", "category")
CLASSES = 50


@dataclass(frozen=True, kw_only=True)
class _Row:
    filename: str
    fold: int
    target: int
    category: str


def make(folder: Path, out_dir: Path, contract: InputContract, *, emit: Emit = ignore) -> Manifest:
    """Write `wav/FOLD-CLIP-TAKE-TARGET_22.05k.wav` (the rate is the contract's) and `manifest.json`.

    The class id is the table's `target`, not the rank of a name. Raises InputError for a folder without such a
    table, a damaged row, two names for one class, a clip that is listed and missing or no audio; nothing is
    written then.
    """
    rows = _rows(folder)
    sources = [folder / AUDIO / row.filename for row in rows]
    missing = [path.name for path in sources if not path.is_file()]
    if missing:
        raise InputError(
            f"{folder / AUDIO}: lacks {len(missing)} of the {len(rows)} clips of the table, {missing[0]} the first",
            hint="unpack the data set again",
        )
    made = prepare.prepare(sources, out_dir / WAVS, contract, emit=emit)
    manifest = Manifest(
        dataset=NAME,
        sample_rate_hz=contract.sample_rate_hz,
        classes=_classes(rows, folder / TABLE),
        clips=tuple(
            Clip(
                file=f"{WAVS}/{item.target.name}",
                source=f"{AUDIO}/{row.filename}",
                class_id=row.target,
                seconds=item.seconds,
                fold=row.fold,
            )
            for row, item in zip(rows, made, strict=True)
        ),
    )
    manifest.save(out_dir)
    return manifest


def _rows(folder: Path) -> list[_Row]:
    """The table's rows by file name."""
    table = folder / TABLE
    try:
        with table.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if lacking:
                raise InputError(f"{table}: no column {', '.join(lacking)}")
            rows = [_row(values, f"{table}:{reader.line_num}") for values in reader]
    except OSError as e:
        raise InputError(
            f"cannot read {table}: {e.strerror}",
            hint="give the folder of ESC-50, with meta/ and audio/ in it",
        ) from e
    except (UnicodeDecodeError, csv.Error) as e:
        raise InputError(f"{table}: no table of ESC-50: {e}") from e
    if not rows:
        raise InputError(f"{table}: no clips in it")
    names = [row.filename for row in rows]
    twice = (
        next((name for name in names if names.count(name) > 1), None)
        if len(set(names)) < len(names)
        else None
    )
    if twice is not None:
        raise InputError(f"{table}: {twice} is listed twice")
    return sorted(rows, key=lambda row: row.filename)


def _row(values: dict[str, str | None], place: str) -> _Row:
    try:
        row = _Row(
            filename=str(values["filename"]),
            fold=int(values["fold"] or ""),
            target=int(values["target"] or ""),
            category=str(values["category"]),
        )
    except ValueError as e:
        raise InputError(f"{place}: fold and target must be whole numbers") from e
    if not 0 <= row.target < CLASSES or row.fold < 1:
        raise InputError(
            f"{place}: target {row.target} of fold {row.fold}: wants 0 to 49, and a fold from 1 on"
        )
    if Path(row.filename).name != row.filename:
        raise InputError(f"{place}: {row.filename!r} is no plain file name")
    return row


def _classes(rows: Sequence[_Row], place: Path) -> tuple[str, ...]:
    """Names by class id; those without a clip keep the name that ESC-50 gives them."""
    told: dict[int, str] = {}
    for row in rows:
        if told.setdefault(row.target, row.category) != row.category:
            raise InputError(f"{place}: target {row.target} is {told[row.target]} and {row.category}")
    known = labels.packaged(NAME)
    return tuple(told.get(target, known[target]) for target in range(CLASSES))
