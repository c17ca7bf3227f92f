"""A sweep over lengths of audio: one clip, repeated or cut to each length, in place of the project's clips."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from board_runner import audio
from board_runner.errors import UsageError
from deployer import prepare, whole_file
from deployer.project import Project

FOLDER = "durations"
"""Below the project's state: where the clips of the last sweep lie."""

LONGEST_S = 3600.0


def parse(text: str) -> tuple[float, ...]:
    """`1,2.5,10`: lengths in seconds, each once, the shortest first. Raises UsageError."""
    try:
        found = sorted({float(word) for word in text.split(",")})
    except ValueError as e:
        raise UsageError(f"{text!r} is no list of seconds", hint="such as 1,2,5,10") from e
    if not all(0 < each <= LONGEST_S for each in found):
        raise UsageError(f"{text!r}: lengths are above 0 and up to {LONGEST_S:g} seconds")
    return tuple(found)


def project(of: Project, lengths_s: Sequence[float]) -> Project:
    """The project with its first clip in each length as its clips; what calibrates the model stays.

    A model whose input has one length cuts or pads each of them: then reading the clip and its features alone take
    longer. Raises InputError for a clip that cannot be read, UsageError for a length of no sample.
    """
    rate_hz = of.contract.sample_rate_hz
    samples = audio.require(audio.read_wav(of.clips[0]), rate_hz)
    folder = of.deployment.state_dir / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for seconds in lengths_s:
        count = round(seconds * rate_hz)
        if count < 1:
            raise UsageError(f"{seconds:g} s holds no sample at {rate_hz} Hz")
        content = prepare.wav_bytes(prepare.to_int16(np.resize(samples, count))[0], rate_hz)
        whole_file.write(folder / name_of(of.clips[0], seconds), content)
    section = of.deployment.settings.audio
    kept = section.calibration if section.calibration is not None else of.clips_dir
    settings = msgspec.structs.replace(
        of.deployment.settings, audio=msgspec.structs.replace(section, clips=folder, calibration=kept)
    )
    return Project(dataclasses.replace(of.deployment, settings=settings))


def name_of(clip: Path, seconds: float) -> str:
    """`5-1-A-32_0010.000s.wav`: by name they sort as by length; no class is claimed of a sound that was cut."""
    return f"{clip.stem}_{seconds:08.3f}s.wav"
