"""The worst clips, to be heard and seen: Ogg in the page."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import soundfile

from board_runner import audio
from board_runner.contract import Array
from board_runner.errors import InputError
from deployer.reporting.figures.sound import sound
from deployer.reporting.figures.theme import Plot

MOST_CLIPS, MOST_SECONDS = 5, 20
_BLOCK = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A clip's sound, or `missing`: why there is none. `cut`: only the first MOST_SECONDS are there."""

    ogg_uri: str = ""
    plot: Plot | None = None
    missing: str = ""
    cut: bool = False


def ogg(samples: Array, rate_hz: int) -> bytes:
    """Mono float samples (n,) as Ogg Vorbis."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate_hz, 1, format="OGG", subtype="VORBIS") as file:
        for start in range(
            0, samples.size, _BLOCK
        ):  # libsndfile's encoder overflows its stack on long writes
            file.write(samples[start : start + _BLOCK])
    return buffer.getvalue()


def of_folder(clip: str, folder: Path | None, *, sha256: str | None, name: str) -> Sound:
    """The clip of that name from `folder`; a file that is not the one of the record is not played."""
    if folder is None:
        return Sound(missing="the folder of the clips is not known")
    path = folder / clip
    if Path(clip).name != clip or not path.is_file():
        return Sound(missing=f"the clip is not in {folder}")
    if sha256 is not None and sha256 != hashlib.sha256(path.read_bytes()).hexdigest():
        return Sound(missing=f"{path} is another file than the one that was run")
    return of_file(path, name=name)


def of_file(path: Path, *, name: str) -> Sound:
    """A wav with its plot, whose ids begin with `name`; several channels are heard as their mean."""
    try:
        wav = audio.read_wav(path)
    except InputError as e:
        return Sound(missing=str(e))
    whole: Array = wav.samples.mean(axis=0)
    samples = whole[: MOST_SECONDS * wav.sample_rate_hz]
    encoded = base64.b64encode(ogg(samples, wav.sample_rate_hz)).decode()
    return Sound(
        ogg_uri=f"data:audio/ogg;base64,{encoded}",
        plot=sound(samples, wav.sample_rate_hz, name=name, clip=path.name),
        cut=samples.size < whole.size,
    )
