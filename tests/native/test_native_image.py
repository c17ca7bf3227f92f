"""Damaged and foreign images: the C loader and the Python loader say the same."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest

from board_runner.errors import ModelError
from board_runner.integer import container, image, records
from board_runner.integer.engine import IntegerEngine
from tests.integer import mutations
from tests.integer.programs import every_op, every_plane_op, packed
from tests.native import seeds
from tests.native.build import Built

FILES = 150


def _refusal(blob: bytes) -> str:
    """The Python loader's words, nothing where it loads. The contract's JSON is no affair of a small runtime."""
    try:
        loaded = image.unpack(blob)
        IntegerEngine(loaded.program, plan=loaded.plan)
    except ModelError as e:
        return "" if "contract" in str(e) or "in INFO" in str(e) else str(e)
    return ""


def _verdicts(built: Built, folder: Path, blobs: list[bytes]) -> list[str]:
    paths = []
    for number, blob in enumerate(blobs):
        paths.append(folder / f"{number}.img")
        paths[-1].write_bytes(blob)
    done = built.run("probe", "image", *paths)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout.splitlines()


@pytest.mark.parametrize("damage", [*mutations.CHECKSUM_BREAKING, *mutations.RESEALED])
def test_both_loaders_refuse_the_same_files(
    damage: mutations.Mutation, checked: Built, tmp_path: Path
) -> None:
    """Bits, cuts, fields and records, under wrong and right checksums; what loads also runs, under sanitizers."""
    rng = random.Random(11)
    makers = (every_op, every_plane_op)
    blobs = [damage(packed(makers[number % 2](number % 4)), rng) for number in range(FILES)]

    said = _verdicts(checked, tmp_path, blobs)

    words = [_refusal(blob) for blob in blobs]
    assert [] == [
        pair for pair in zip(words, said, strict=True) if (pair[0] == "") != pair[1].startswith("ok")
    ]


def _resealed(name: str, field: str, row: int, value: int) -> bytes:
    arena, sections = container.split(packed(every_op()))
    dtype = {"VALU": records.VALUE, "CODE": records.INSTRUCTION, "TENS": records.TENSOR}[name]
    rows = np.frombuffer(sections[name], dtype).copy()
    rows[field][row] = value
    return container.seal({**sections, name: rows.tobytes()}, arena_bytes=arena)


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        (_resealed("CODE", "op", 3, 27), "instruction number 27, which the runner lacks"),
        (_resealed("VALU", "rank", 2, 9), "a tensor of 9 axes"),
        (_resealed("VALU", "offset", 2, 64), r"share memory|arena"),
        (_resealed("TENS", "dtype", 0, 6), "a tensor of type 6"),
        (packed(every_op())[:100], "cut short"),
        (b"\x20\x00\x00\x00SIM_" * 100, "not an image of this runner"),
        (b"", "not an image of this runner"),
    ],
)
def test_a_refusal_says_why(blob: bytes, words: str, checked: Built, tmp_path: Path) -> None:
    """An instruction that the runtime lacks is named, and so is what is damaged."""
    (said,) = _verdicts(checked, tmp_path, [blob])

    assert said.startswith("refused: ") and re.search(words, said)


def test_another_version_is_refused_as_such(checked: Built, tmp_path: Path) -> None:
    """An older or newer container is said to be that, not damaged."""
    blobs = []
    for version in (1, 4):
        blob = bytearray(packed(every_op()))
        blob[8] = version
        blobs.append(bytes(blob))

    assert [True, True] == ["version" in line for line in _verdicts(checked, tmp_path, blobs)]


def test_the_sanitizers_find_nothing_in_damaged_files(checked: Built, tmp_path: Path) -> None:
    """A few thousand files of the fuzz harness, images and wavs: refused, or loaded and run."""
    done = checked.run("fuzz", "2000", "3", *seeds.write(tmp_path))

    assert (0, "") == (done.returncode, done.stderr)
    counts = re.findall(r"(\d+) (refused|loaded|ran)", done.stdout)
    assert 2000 == sum(int(count) for count, _ in counts)
    assert all(int(count) > 0 for count, _ in counts)
