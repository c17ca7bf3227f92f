"""numpy offline, C here and C on ARM: the same bits, instruction by instruction and clip by clip."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from board_runner import dla_simulator
from board_runner.integer.engine import OfflineEngine
from board_runner.integer.program import Program
from tests.integer import programs
from tests.native.build import Built
from tests.native.conftest import CLIPS, Levels, clip_input
from tests.native.levels import differing, dump

KINDS = ("8-bit", "16-bit", "mixed")
KERNELS = ("portable", "avx2", "avx512")


@pytest.fixture(params=KERNELS)
def kernels(request: pytest.FixtureRequest, here: Built, images: dict[str, Path]) -> str:
    """A set of kernels that this machine can run."""
    name = str(request.param)
    done = here.run("prog_sed_eat", "-i", "none", "-m", images["8-bit"], env={"SGS_KERNELS": name})
    if "no kernels" in done.stderr:
        pytest.skip(f"this processor does not run {name}")
    return name


def _fingerprints(text: str) -> list[int]:
    return [int(word, 16) for word in re.findall(r"All outputs XOR = (0x[0-9a-f]+)", text)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_instruction_of_the_shipped_model_gives_numpys_bits(
    kind: str, kernels: str, here: Built, references: dict[str, Levels], raw_clips: list[Path], tmp_path: Path
) -> None:
    """About 200 instructions, with every set of kernels that this machine runs."""
    given = references[kind]
    dump(here, given.image, raw_clips[0], tmp_path / "levels", kernels=kernels)

    assert [] == differing(given.engine, clip_input(CLIPS[0]), tmp_path / "levels")


@pytest.mark.parametrize("kind", KINDS)
def test_every_clip_gives_numpys_outputs(
    kind: str, here: Built, references: dict[str, Levels], raw_clips: list[Path], tmp_path: Path
) -> None:
    """`All outputs XOR` of all shipped clips, from one run over a folder, with two threads as with one."""
    expected = [dla_simulator.fingerprint([references[kind].outputs[clip.name]]) for clip in CLIPS]
    for threads in ("1", "2"):
        done = here.run(
            "dla_simulator", "-i", raw_clips[0].parent, "-m", references[kind].image, cwd=tmp_path,
            env={"SGS_THREADS": threads},
        )  # fmt: skip
        assert (0, "") == (done.returncode, done.stderr)
        assert expected == _fingerprints(done.stdout)


@pytest.mark.parametrize(("kind", "clip"), [("8-bit", 1), ("16-bit", 2)])
def test_every_instruction_gives_numpys_bits_on_arm(
    kind: str, clip: int, crossed: Built, references: dict[str, Levels], raw_clips: list[Path], tmp_path: Path
) -> None:
    """On emulated processors of 64 and of 32 bits, with what they have for it."""
    given = references[kind]
    dump(crossed, given.image, raw_clips[clip], tmp_path / "levels")

    assert [] == differing(given.engine, clip_input(CLIPS[clip]), tmp_path / "levels")


def test_clips_give_numpys_outputs_on_arm(
    crossed: Built, references: dict[str, Levels], raw_clips: list[Path], tmp_path: Path
) -> None:
    """A folder of clips, convolutions of 8 and of 16 bits in one model; NATIVE_CLIPS=10 takes all shipped ones."""
    given = references["mixed"]
    clips = CLIPS[: int(os.environ.get("NATIVE_CLIPS", "2"))]
    (tmp_path / "in").mkdir()
    for raw in raw_clips[: len(clips)]:
        shutil.copy(raw, tmp_path / "in")

    done = crossed.run("dla_simulator", "-i", "in", "-m", given.image, cwd=tmp_path)

    assert (0, "") == (done.returncode, done.stderr)
    assert [dla_simulator.fingerprint([given.outputs[clip.name]]) for clip in clips] == _fingerprints(
        done.stdout
    )


@pytest.mark.parametrize("make", [programs.every_op, programs.every_plane_op])
def test_plain_c_on_arm_gives_numpys_bits(
    make: Callable[[int], Program], crossed: Built, tmp_path: Path
) -> None:
    """Every instruction there is, with NEON and without."""
    (tmp_path / "eat.img").write_bytes(programs.packed(make(9)))
    engine = OfflineEngine.load(tmp_path / "eat.img")
    x = np.random.default_rng(9).uniform(-300, 300, (1, 2, programs.LENGTH)).astype(np.float32)
    x.tofile(tmp_path / "x.bin")
    for kernels in ("portable", "neon"):
        dump(crossed, tmp_path / "eat.img", tmp_path / "x.bin", tmp_path / "levels", kernels=kernels)

        assert [] == differing(engine, {"x": x}, tmp_path / "levels")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("make", [programs.every_op, programs.every_plane_op])
def test_a_program_of_every_instruction_gives_numpys_bits(
    make: Callable[[int], Program], seed: int, kernels: str, here: Built, tmp_path: Path
) -> None:
    """Also the instructions and shapes that the shipped model lacks, with all kernels."""
    (tmp_path / "eat.img").write_bytes(programs.packed(make(seed)))
    engine = OfflineEngine.load(tmp_path / "eat.img")
    x = np.random.default_rng(seed).uniform(-300, 300, (1, 2, programs.LENGTH)).astype(np.float32)
    x.tofile(tmp_path / "x.bin")
    dump(
        here, tmp_path / "eat.img", tmp_path / "x.bin", tmp_path / "levels", kernels=kernels, threads=1 + seed
    )

    assert [] == differing(engine, {"x": x}, tmp_path / "levels")


def test_planes_of_any_geometry_give_numpys_bits(kernels: str, here: Built, tmp_path: Path) -> None:
    """Lines longer and shorter than a tile, strides, dilations, pads, groups, sums of 64 bits, and two threads."""
    wrong = []
    for seed in range(60):
        image = tmp_path / f"{seed}.img"
        image.write_bytes(programs.packed(programs.random_planes(seed)))
        engine = OfflineEngine.load(image)
        shape = engine.program.values[0].shape
        x = np.random.default_rng(seed).uniform(-300, 300, shape).astype(np.float32)
        x.tofile(tmp_path / "x.bin")
        dump(here, image, tmp_path / "x.bin", tmp_path / "levels", kernels=kernels, threads=1 + seed % 2)
        wrong += [(seed, line) for line in differing(engine, {"x": x}, tmp_path / "levels")]

    assert [] == wrong
