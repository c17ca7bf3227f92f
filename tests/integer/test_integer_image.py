"""Damaged and foreign images: a ModelError, and nothing else."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from board_runner.errors import ModelError
from board_runner.integer import container, image, memory, records
from board_runner.integer.engine import IntegerEngine, OfflineEngine
from tests.integer import mutations
from tests.integer.programs import LENGTH, every_op, every_plane_op, packed

CLIP = {"x": np.linspace(-9, 9, 2 * LENGTH, dtype=np.float32).reshape(1, 2, LENGTH)}


MAKERS = {2: every_op, 3: every_plane_op}


@pytest.fixture(scope="module", params=MAKERS)
def version(request: pytest.FixtureRequest) -> int:
    """A version of the format."""
    return int(request.param)


@pytest.fixture(scope="module")
def small(version: int) -> bytes:
    """A file that has every instruction which this version brought."""
    return packed(MAKERS[version]())


def test_a_packed_program_comes_back_whole(small: bytes, version: int) -> None:
    """Values, instructions, constants, names and ports survive the file."""
    before, after = MAKERS[version](), image.unpack(small).program

    assert before.values == after.values
    assert (before.inputs, before.outputs) == (after.inputs, after.outputs)
    for a, b in zip(before.instructions, after.instructions, strict=True):
        assert (a.op, a.inputs, a.output, a.ints, a.name) == (b.op, b.inputs, b.output, b.ints, b.name)
        assert a.tensors.keys() == b.tensors.keys()
        assert all(np.array_equal(a.tensors[key], b.tensors[key]) for key in a.tensors)


def test_the_same_program_gives_the_same_bytes(small: bytes, version: int) -> None:
    """Packing has no clock and no order of its own."""
    assert small == packed(MAKERS[version]())
    assert small == packed(image.unpack(small).program)


def test_the_layout_is_as_published(small: bytes, version: int) -> None:
    """Offsets of docs/formats.md, read by hand."""
    assert b"SGSDIMG\0" == small[:8]
    assert (version, 8) == tuple(np.frombuffer(small, "<u4", 2, 8))
    assert len(small) == np.frombuffer(small, "<u8", 1, 16)[0]
    assert b"INFO" == small[64:68] and b"DATA" == small[64 + 7 * 24 :][:4]
    offset, length = np.frombuffer(small, "<u8", 2, 64 + 8)
    lines = small[offset : offset + length].decode().splitlines()
    assert "chip=pcupid" in lines and "sample_rate_hz=22050" in lines
    assert [64, 64, 32, 16] == [d.itemsize for d in mutations.RECORDS.values()]


@pytest.mark.parametrize("damage", mutations.CHECKSUM_BREAKING)
def test_every_change_of_a_byte_is_noticed(small: bytes, damage: mutations.Mutation) -> None:
    """No flipped bit, cut or insertion passes the checksums."""
    rng = random.Random(1)
    for _ in range(500):
        with pytest.raises(ModelError):
            image.unpack(damage(small, rng))


@pytest.mark.parametrize("damage", mutations.RESEALED)
def test_damage_behind_right_checksums_is_refused_or_harmless(
    small: bytes, damage: mutations.Mutation
) -> None:
    """A changed table gives a ModelError at load, or an engine that runs."""
    rng = random.Random(2)
    refused = 0
    for _ in range(500):
        blob = damage(small, rng)
        try:
            loaded = image.unpack(blob)
            engine = IntegerEngine(loaded.program, plan=loaded.plan)
        except ModelError:
            refused += 1
            continue
        assert engine.run_raw({s.name: np.zeros(s.shape, np.float32) for s in engine.inputs})
    assert refused > 100


def test_a_huge_claim_costs_nothing(small: bytes) -> None:
    """Fields that ask for gigabytes are refused before anything of that size is made."""
    rng = random.Random(3)
    tracemalloc.start()
    for _ in range(300):
        try:
            image.unpack(mutations.field(small, rng))
        except ModelError:
            continue
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 1 << 20


def test_values_that_would_share_memory_are_refused(small: bytes, version: int) -> None:
    """A plan that puts everything at the start of the arena is no plan."""
    _, sections = container.split(small)
    rows = np.frombuffer(sections["VALU"], records.VALUE).copy()
    rows["offset"][rows["offset"] != records.NO_PLACE] = 0
    largest = max(memory.size_of(MAKERS[version](), value) for value in range(len(rows)))
    sections["VALU"] = rows.tobytes()

    with pytest.raises(ModelError, match="share memory"):
        image.unpack(container.seal(sections, arena_bytes=largest, version=version))


def test_a_foreign_image_is_refused_by_name(tmp_path: Path) -> None:
    """A vendor's file is named, and the hint says where it runs."""
    path = tmp_path / "vendor.img"
    path.write_bytes(b"\x20\x00\x00\x00SIM_" * 100)

    assert not container.is_image(path)
    with pytest.raises(ModelError, match=r"vendor\.img: not an image of this runner") as caught:
        OfflineEngine.load(path)
    assert "IPU" in caught.value.hint


def test_another_version_is_refused_as_such(small: bytes) -> None:
    """An older or newer container is said to be that, not damaged."""
    for number in (1, 4):
        other = bytearray(small)
        other[8] = number
        with pytest.raises(ModelError, match=f"version {number}"):
            image.unpack(bytes(other))


@pytest.mark.parametrize("least", [2, 3])
def test_a_file_has_the_lowest_version_that_holds_it(least: int) -> None:
    """Version 3 is written where version 2 lacks something, and a file that claims less is refused."""
    blob = packed(MAKERS[least]())
    arena, sections = container.split(blob)

    assert least == container.version(blob)
    image.unpack(container.seal(sections, arena_bytes=arena, version=3))
    if least == 3:
        with pytest.raises(ModelError, match="version 2 that uses what this version lacks"):
            image.unpack(container.seal(sections, arena_bytes=arena, version=2))


def test_what_is_not_there_is_no_image(tmp_path: Path) -> None:
    """A missing file is no image, and reading it names it."""
    assert not container.is_image(tmp_path / "none.img")
    with pytest.raises(ModelError, match=r"none\.img"):
        image.read(tmp_path / "none.img")


def test_the_arena_is_no_larger_than_the_busiest_moment_needs(small: bytes) -> None:
    """On this program the greedy plan reaches the floor, and the engine runs inside it."""
    loaded = image.unpack(small)
    planned = IntegerEngine(loaded.program, plan=loaded.plan)
    free = IntegerEngine(loaded.program)

    assert memory.floor_bytes(loaded.program) <= loaded.plan.arena_bytes
    assert loaded.plan.arena_bytes <= 1.2 * memory.floor_bytes(loaded.program)
    for name, levels in free.run_raw(CLIP).items():
        assert np.array_equal(levels, planned.run_raw(CLIP)[name])
