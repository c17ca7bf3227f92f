"""Damaged and foreign images: a ModelError, and nothing else."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from board_runner.contract import Array, InputContract, TensorSpec
from board_runner.errors import ModelError
from board_runner.integer import image
from board_runner.integer.engine import IntegerEngine, OfflineEngine
from board_runner.integer.program import Instruction, Program, Value


@pytest.fixture(scope="module")
def small() -> bytes:
    """A program of every shape of constant: quantise, narrow, convolve, rescale."""
    wide, half = Value(dtype="int16", shape=(1, 1, 16), scale=0.5), {"multiplier": (1 << 20,), "shift": (21,)}
    tensors: dict[str, Array] = {
        "weight": np.arange(-3, 3, dtype=np.int8).reshape(2, 1, 3),
        "bias": np.array([5, -7], np.int64),
        "multiplier": np.array([1 << 20, 1 << 19], np.int64),
        "shift": np.array([22, 23], np.int64),
    }
    ints = {"stride": (1,), "dilation": (1,), "group": (1,), "pads": (1, 1)}
    values = (
        Value(dtype="float32", shape=(1, 1, 16)),
        wide,
        Value(dtype="uint8", shape=(1, 1, 16), scale=1.0, zero=9),
        Value(dtype="int16", shape=(1, 2, 16), scale=0.25),
        Value(dtype="int16", shape=(32,), scale=0.25),
    )
    program = Program(
        values=values,
        instructions=(
            Instruction(op="quantize", inputs=(0,), output=1),
            Instruction(op="narrow", inputs=(1,), output=2, ints=half),
            Instruction(op="conv8", inputs=(2,), output=3, ints=ints, tensors=tensors),
            Instruction(op="reshape", inputs=(3,), output=4, ints={"shape": (32,)}),
        ),
        inputs=(("x", 0),),
        outputs=(("y", 4),),
    )
    spec = TensorSpec(name="x", dtype="float32", shape=(1, 1, 16))
    contract = InputContract(model="eat", sample_rate_hz=22050, inputs=(spec,), outputs=())
    return image.pack(image.Image(chip="pcupid", contract=contract, program=program))


def _parts(blob: bytes) -> tuple[bytes, bytes]:
    spans = [image.SECTION.unpack_from(blob, image.HEAD.size + i * image.SECTION.size) for i in (0, 1)]
    (_, _, a, m), (_, _, b, n) = spans
    return blob[a : a + m], blob[b : b + n]


def test_the_small_image_runs(small: bytes) -> None:
    """The fuzzing starts from a file that works."""
    engine = IntegerEngine(image.unpack(small).program)

    assert (32,) == engine.run({"x": np.ones((1, 1, 16), np.float32)})["y"].shape


def test_every_change_of_a_byte_is_noticed(small: bytes) -> None:
    """No flipped bit, cut or insertion passes the checksums."""
    rng = random.Random(1)
    for _ in range(2000):
        blob = bytearray(small)
        place = rng.randrange(len(blob))
        kind = rng.randrange(3)
        if kind == 0:
            blob[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del blob[place:]
        else:
            blob[place:place] = rng.randbytes(rng.randrange(1, 70))
        with pytest.raises(ModelError):
            image.unpack(bytes(blob))


def test_damage_under_right_checksums_is_a_model_error(small: bytes) -> None:
    """Bytes of the header that change before sealing give a working engine or a ModelError."""
    text, data = _parts(small)
    rng = random.Random(2)
    refused = 0
    for _ in range(3000):
        changed = bytearray(text)
        for _ in range(rng.randrange(1, 4)):
            changed[rng.randrange(len(changed))] = rng.choice(b'0123456789-."[]{},eabx\xff')
        refused += _refused(image.seal(bytes(changed), data))
    assert refused > 1000


def test_hostile_constants_are_a_model_error(small: bytes) -> None:
    """Numbers, shapes and types out of every bound give a working engine or a ModelError."""
    text, data = _parts(small)
    rng = random.Random(3)
    odd: list[object] = [
        0,
        -1,
        1,
        3,
        64,
        2**31,
        2**62,
        2**63,
        2**200,
        1e308,
        -0.0,
        1e-300,
        None,
        "x",
        [],
        {},
        True,
        [1] * 9,
    ]
    for _ in range(3000):
        header = json.loads(text)
        _poke(header, rng, odd)
        _refused(image.seal(json.dumps(header).encode(), data))
    for _ in range(500):
        changed = bytearray(data)
        changed[rng.randrange(len(changed))] = rng.randrange(256)
        _refused(image.seal(text, bytes(changed)))


def _poke(node: object, rng: random.Random, odd: list[object]) -> None:
    while True:
        keys = (
            list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        )
        if not keys:
            return
        key = rng.choice(keys)
        child = node[key]  # type: ignore[index]
        if isinstance(child, dict | list) and len(child) > 0 and rng.random() < 0.85:
            node = child
            continue
        node[key] = rng.choice(odd)  # type: ignore[index]
        return


def _refused(blob: bytes) -> bool:
    with suppress(ModelError):
        IntegerEngine(image.unpack(blob).program)
        return False
    return True


def test_a_foreign_image_is_refused_by_name(tmp_path: Path) -> None:
    """A vendor's file is named, and the hint says where it runs."""
    path = tmp_path / "vendor.img"
    path.write_bytes(b"\x20\x00\x00\x00SIM_" * 100)

    assert not image.is_image(path)
    with pytest.raises(ModelError, match=r"vendor\.img: not an image of this runner") as caught:
        OfflineEngine.load(path)
    assert "IPU" in caught.value.hint


def test_another_version_is_refused(small: bytes) -> None:
    """A newer container is said to be newer, not damaged."""
    newer = bytearray(small)
    newer[8] = 2

    with pytest.raises(ModelError, match="version 2"):
        image.unpack(bytes(newer))


def test_what_is_not_there_is_no_image(tmp_path: Path) -> None:
    """A missing file is no image, and reading it names it."""
    assert not image.is_image(tmp_path / "none.img")
    with pytest.raises(ModelError, match=r"none\.img"):
        image.read(tmp_path / "none.img")
