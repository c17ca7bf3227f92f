"""What the fuzz harness damages: `python -m tests.native.seeds FOLDER` writes the files and prints their names."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from board_runner.contract import InputContract, TensorSpec
from board_runner.frontends.logmel import LogMel
from board_runner.frontends.mfcc import Mfcc
from board_runner.frontends.speaker_mel import SpeakerMel
from board_runner.integer import image
from board_runner.models import eat, ecapa, efficientat, kws
from tests.integer.programs import LENGTH, every_op, every_plane_op, packed
from tests.native import scorers

RATE_HZ = 4000
SMALL = {
    "mfcc": kws.contract(
        classes=7,
        front_end=Mfcc(
            sample_rate_hz=RATE_HZ,
            samples=900,
            window=64,
            stride=150,
            channels=9,
            coefficients=5,
            high_hz=1900,
        ),
    ),
    "logmel": efficientat.contract(
        classes=7,
        front_end=LogMel(
            sample_rate_hz=RATE_HZ, samples=700, fft=66, window=50, stride=90, channels=8, high_hz=1800
        ),
    ),
    "port": efficientat.contract(
        classes=7,
        front_end=LogMel(
            variant="tensorflow",
            sample_rate_hz=RATE_HZ,
            samples=700,
            fft=64,
            window=50,
            stride=90,
            channels=8,
            high_hz=1800,
        ),
    ),
    "speaker": ecapa.contract(
        width=7,
        front_end=SpeakerMel(
            sample_rate_hz=RATE_HZ, frames=9, fft=60, stride=70, channels=7, low_hz=10, high_hz=1999
        ),
    ),
}
"""Every front end over a scorer, small enough for a thousand files a second."""


def write(folder: Path) -> list[Path]:
    """Images of every instruction and of every front end, wavs of every encoding."""
    made = {f"{kind}.img": image.pack("pcupid", c, scorers.program_of(c)) for kind, c in SMALL.items()}
    for number, make in enumerate((every_op, every_plane_op, every_op)):
        made[f"{number}.img"] = packed(make(number))
    made["eat.img"] = image.pack("pcupid", _eat(), every_op())
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"):
        buffer = io.BytesIO()
        soundfile.write(buffer, np.linspace(-1, 1, 9), 22050, format="WAVEX", subtype=subtype)
        made[f"{subtype}.wav"] = buffer.getvalue()
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in made]


def _eat() -> InputContract:
    count = 2 * LENGTH
    spec = TensorSpec(name="x", dtype="float32", shape=(1, 2, LENGTH))
    return replace(eat.contract(), inputs=(spec,), front_end={"peak": eat.PEAK, "samples": count})


def main(argv: Sequence[str]) -> None:
    """The files into the folder named."""
    (name,) = argv
    Path(name).mkdir(parents=True, exist_ok=True)
    print("\n".join(map(str, write(Path(name)))))


if __name__ == "__main__":
    main(sys.argv[1:])
