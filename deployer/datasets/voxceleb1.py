"""VoxCeleb1, SPEAKER/VIDEO/FILE.wav: every utterance prepared, and a window of frames drawn for each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from board_runner.contract import InputContract
from board_runner.errors import InputError
from board_runner.frontends.speaker_mel import SpeakerMel
from board_runner.models import ecapa
from deployer import prepare
from deployer.datasets.manifest import Clip, Manifest
from deployer.events import Advanced, Emit, Finished, Started, Warned, ignore

STEP = "prepare"
NAME = "voxceleb1"
WAVS = "wav"

LONGEST_S = 19.0
"""The seed takes clips below this: 4648 of the 4874 of the test speakers."""

TEST_SPEAKERS = range(10270, 10310)
"""id10270 to id10309, whose names begin with E: the official test set of 40 speakers."""

_SPEAKER = re.compile(r"id(\d{5})")

Short = Literal["fill", "refuse"]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What is taken. `seed` decides the windows; a clip that is too short for one is filled up, or refused."""

    seed: int = 0
    longest_s: float = LONGEST_S
    short: Short = "fill"
    split: Literal["all", "test", "dev"] = "all"


@dataclass(frozen=True, kw_only=True)
class _Found:
    path: Path
    relative: str
    speaker: str
    video: str


def make(
    folder: Path,
    out_dir: Path,
    contract: InputContract | None = None,
    *,
    choice: Choice = Choice(),
    emit: Emit = ignore,
) -> Manifest:
    """Write `wav/SPEAKER/VIDEO/FILE_16k.wav` and `manifest.json` into `out_dir`.

    Whole utterances are written; the manifest says from which frame the model's window begins. It depends on the
    seed and the file's place in the data set alone. Raises InputError for a folder without such a tree, for a file
    that is no audio, and, with `short="refuse"`, for clips of too few frames, all by name.
    """
    mel = ecapa.front_end(contract or ecapa.contract())
    found = _wanted(folder, choice)
    if out_dir.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{out_dir} lies in {folder}: its wavs would be taken for more clips")
    emit(Started(step=STEP, total=len(found), unit="files"))
    clips: list[Clip] = []
    left_out: dict[str, str] = {}
    for number, item in enumerate(found, 1):
        clip = _prepared(item, out_dir, mel, choice)
        if clip.seconds >= choice.longest_s:
            left_out[item.relative] = f"{clip.seconds:.2f} s, the limit is {choice.longest_s:g} s"
            (out_dir / clip.file).unlink()
        else:
            clips.append(clip)
        emit(Advanced(step=STEP, done=number, total=len(found), note=item.relative))
    _tell_short(clips, mel, choice, emit)
    if left_out:
        emit(Warned(step=STEP, message=f"{len(left_out)} clips of {choice.longest_s:g} s or more left out"))
    manifest = Manifest(
        dataset=NAME,
        sample_rate_hz=mel.sample_rate_hz,
        frames=mel.frames,
        seed=choice.seed,
        clips=tuple(clips),
        left_out=left_out,
    )
    path = manifest.save(out_dir)
    emit(Finished(step=STEP, note=f"{len(clips)} clips of {len(manifest.speakers)} speakers, {path}"))
    return manifest


def start_frame(seed: int, relative: str, spare: int) -> int:
    """0 to `spare`, each as likely, by the hash of the seed and the file's place: other files change nothing."""
    digest = hashlib.sha256(f"{seed}:{relative}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % (spare + 1)


def split_of(speaker: str) -> str:
    """`test` for the official test speakers, else `dev`."""
    number = _SPEAKER.fullmatch(speaker)
    return "test" if number and int(number[1]) in TEST_SPEAKERS else "dev"


def _wanted(folder: Path, choice: Choice) -> list[_Found]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder", hint="give the folder that holds id10270 and the like")
    found = [
        _Found(
            path=path,
            relative=path.relative_to(folder).as_posix(),
            speaker=path.parts[-3],
            video=path.parts[-2],
        )
        for path in sorted(folder.glob("*/*/*"))
        if path.is_file() and path.suffix.lower() in prepare.SUFFIXES and not path.name.startswith(".")
    ]
    if not found:
        raise InputError(
            f"{folder}: no SPEAKER/VIDEO/FILE.wav in it",
            hint="give the folder that holds id10270 and the like",
        )
    chosen = [item for item in found if choice.split in ("all", split_of(item.speaker))]
    if not chosen:
        raise InputError(f"{folder}: {len(found)} clips, none of a speaker of the split {choice.split!r}")
    return chosen


def _prepared(item: _Found, out_dir: Path, mel: SpeakerMel, choice: Choice) -> Clip:
    place = Path(WAVS) / item.speaker / item.video
    contract = ecapa.contract(front_end=mel)
    [made] = prepare.prepare([item.path], out_dir / place, contract, emit=ignore)
    samples = round(made.seconds * mel.sample_rate_hz)
    if samples <= mel.fft // 2:
        raise InputError(f"{item.path}: {samples} samples, one frame takes {mel.fft // 2 + 1}")
    frames = mel.frame_count(samples)
    spare = max(frames - mel.frames, 0)
    return Clip(
        file=(place / made.target.name).as_posix(),
        source=item.relative,
        speaker=item.speaker,
        video=item.video,
        split=split_of(item.speaker),
        seconds=made.seconds,
        start_frame=start_frame(choice.seed, item.relative, spare),
        filled_frames=max(mel.frames - frames, 0),
    )


def _tell_short(clips: Sequence[Clip], mel: SpeakerMel, choice: Choice, emit: Emit) -> None:
    short = [clip for clip in clips if clip.filled_frames]
    if not short:
        return
    named = ", ".join(clip.source for clip in short)
    if choice.short == "refuse":
        raise InputError(
            f"{len(short)} clips have fewer than {mel.frames} frames: {named}",
            hint="--short fill takes them, with frames of nothing at their end",
        )
    emit(Warned(step=STEP, message=f"filled up to {mel.frames} frames: {named}"))
