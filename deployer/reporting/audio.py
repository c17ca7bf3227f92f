"""The worst clips, to be heard and seen: Ogg in the page."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from board_runner import audio
from board_runner.contract import Array
from board_runner.errors import InputError
from deployer.records import RunRecord
from deployer.reporting.clips import ClipRow
from deployer.reporting.figures.sound import sound
from deployer.reporting.figures.theme import Plot

MOST_CLIPS, MOST_SECONDS = 5, 20
_BLOCK = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A clip with its sound, or `missing`: why there is none. `cut`: only the first MOST_SECONDS are there."""

    row: ClipRow
    ogg_uri: str = ""
    plot: Plot | None = None
    missing: str = ""
    cut: bool = False


def heard(record: RunRecord, rows: Sequence[ClipRow], folder: Path | None, *, name: str) -> list[Heard]:
    """The sound of these clips, from `folder`; a file that is not the one of the record is not played."""
    return [_heard(record, row, folder, f"{name}-{i}") for i, row in enumerate(rows)]


def ogg(samples: Array, rate_hz: int) -> bytes:
    """Mono float samples (n,) as Ogg Vorbis."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate_hz, 1, format="OGG", subtype="VORBIS") as file:
        for start in range(
            0, samples.size, _BLOCK
        ):  # libsndfile's encoder overflows its stack on long writes
            file.write(samples[start : start + _BLOCK])
    return buffer.getvalue()


def _heard(record: RunRecord, row: ClipRow, folder: Path | None, name: str) -> Heard:
    if folder is None:
        return Heard(row=row, missing="the folder of the clips is not known")
    path = folder / row.clip
    if Path(row.clip).name != row.clip or not path.is_file():
        return Heard(row=row, missing=f"the clip is not in {folder}")
    wanted = record.sha256.get(row.clip)
    if wanted is not None and wanted != hashlib.sha256(path.read_bytes()).hexdigest():
        return Heard(row=row, missing=f"{path} is another file than the one that was run")
    try:
        wav = audio.read_wav(path)
    except InputError as e:
        return Heard(row=row, missing=str(e))
    whole: Array = wav.samples.mean(axis=0)
    samples = whole[: MOST_SECONDS * wav.sample_rate_hz]
    encoded = base64.b64encode(ogg(samples, wav.sample_rate_hz)).decode()
    return Heard(
        row=row,
        ogg_uri=f"data:audio/ogg;base64,{encoded}",
        plot=sound(samples, wav.sample_rate_hz, name=name, clip=row.clip),
        cut=samples.size < whole.size,
    )
