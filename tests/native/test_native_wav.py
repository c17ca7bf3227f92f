"""The wav reader in C against the one in Python: same samples, same refusals."""

from __future__ import annotations

import io
import random
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from board_runner import audio
from board_runner.contract import Array
from board_runner.errors import InputError
from tests.native.build import Built
from tests.native.conftest import CLIPS, clip_input

WIDTHS = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")


def _wav(subtype: str, *, channels: int, kind: str, rate: int = 22050) -> bytes:
    noise = np.random.default_rng(channels).uniform(-1, 1, (57, channels))
    noise[:2] = [[-1.0] * channels, [1.0] * channels]
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def _said(path: Path) -> str:
    """What the Python reader says, in the words of `probe`."""
    try:
        wav = audio.read_wav(path)
    except InputError as e:
        return f"refused: {str(e).removeprefix(f'{path}: ')}"
    return f"ok {wav.sample_rate_hz} {wav.samples.shape[0]} {_hex(wav.samples.T)}"


def _hex(samples: Array) -> str:
    bits = np.ascontiguousarray(samples, np.float32).view(np.uint32).ravel()
    return "".join(f"{word:08x}" for word in bits.tolist())


def _same(built: Built, paths: list[Path]) -> int:
    """Compare the two readers on every file; gives how many were read."""
    done = built.run("probe", "wav", *paths)
    assert (0, "") == (done.returncode, done.stderr)
    said = done.stdout.splitlines()
    assert [_said(path) for path in paths] == said
    return sum(line.startswith("ok") for line in said)


def test_every_width_gives_the_same_floats(checked: Built, tmp_path: Path) -> None:
    """All encodings, one and three channels, plain and extensible: bit for bit."""
    paths = []
    for kind in ("WAV", "WAVEX"):
        for subtype in WIDTHS:
            for channels in (1, 3):
                paths.append(tmp_path / f"{kind}{subtype}{channels}.wav")
                paths[-1].write_bytes(_wav(subtype, channels=channels, kind=kind))

    assert len(paths) == _same(checked, paths)


@pytest.mark.parametrize("subtype", WIDTHS)
def test_damaged_files_are_refused_in_the_same_words(subtype: str, checked: Built, tmp_path: Path) -> None:
    """Cut, with other bytes in the header, with odd numbers as sizes: the same verdict of both readers."""
    rng = random.Random(subtype)
    whole = _wav(subtype, channels=2, kind=rng.choice(["WAV", "WAVEX"]))
    paths = []
    for number in range(150):
        data = bytearray(whole)
        for _ in range(rng.randrange(4)):
            data[rng.randrange(70)] = rng.choice([0, 1, 2, 3, 255, 254, rng.randrange(256)])
        if rng.random() < 0.3:
            struct.pack_into("<I", data, rng.choice([4, 16, 24, 40]), rng.choice([0, 1, 2**31, 2**32 - 1]))
        if rng.random() < 0.3:
            del data[rng.randrange(len(data)) :]
        paths.append(tmp_path / f"{number}.wav")
        paths[-1].write_bytes(data)

    assert 0 < _same(checked, paths) < len(paths)


def test_values_that_are_not_finite_are_refused(checked: Built, tmp_path: Path) -> None:
    """NaN and infinity, and a float64 that no float32 holds."""
    paths = []
    for number, value in enumerate((np.nan, np.inf, 1e300)):
        data = bytearray(_wav("DOUBLE", channels=1, kind="WAV"))
        data[-8:] = struct.pack("<d", value)
        paths.append(tmp_path / f"{number}.wav")
        paths[-1].write_bytes(data)

    assert 0 == _same(checked, paths)


def test_the_front_end_gives_numpys_input(here: Built, images: dict[str, Path], tmp_path: Path) -> None:
    """Shipped clips, a longer one, a shorter one and silence: the model's input bit for bit."""
    rng = np.random.default_rng(5)
    made = {
        "long": rng.uniform(-0.4, 0.3, 120000),
        "short": rng.uniform(-0.1, 0.2, 7),
        "silent": np.zeros(50),
    }
    paths = list(CLIPS[:2])
    for name, samples in made.items():
        paths.append(tmp_path / f"{name}.wav")
        soundfile.write(paths[-1], samples, 22050, subtype="PCM_24")

    done = here.run("probe", "input", images["8-bit"], *paths)

    assert [f"ok {_hex(clip_input(path)['images'])}" for path in paths] == done.stdout.splitlines()


def test_another_rate_is_refused_with_the_cure(here: Built, images: dict[str, Path], tmp_path: Path) -> None:
    """The message has both rates; the program adds what makes the right file."""
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 44100)

    done = here.run("prog_sed_eat", "-i", "a.wav", "-m", images["8-bit"], cwd=tmp_path)

    assert 255 == done.returncode
    assert "a.wav: 44100 Hz, the model wants 22050 Hz (`deploy prepare FILE` makes the wav" in done.stderr
