"""The programs built once a session, images of the shipped model, and what numpy makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import board_runner
from board_runner import audio
from board_runner.contract import Array, Tensors
from board_runner.integer.engine import OfflineEngine
from board_runner.models import eat
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.float_sim import write_float
from board_runner.quant.settings import QuantSettings
from tests.native.build import COMPILERS, QEMU_LD, Built, make, make_probe, missing

DATA = Path(board_runner.__file__).parent / "data"
CLIPS = sorted((DATA / "clips").glob("*.wav"))
SETTINGS = {
    "8-bit": QuantSettings(conv_bits=8),
    "16-bit": QuantSettings(conv_bits=16),
    "mixed": QuantSettings(conv_bits=8, int16_kinds=("depthwise",)),
}


def clip_input(path: Path) -> Tensors:
    """The tensor that the front end makes of a wav."""
    contract = eat.contract()
    samples = audio.require(audio.read_wav(path), contract.sample_rate_hz)
    return next(iter(eat.chunks(samples, contract)))


@dataclass(frozen=True, kw_only=True)
class Levels:
    """An image, and the int16 levels of its output for every clip by the Python runner."""

    image: Path
    engine: OfflineEngine
    outputs: dict[str, Array]


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The shipped model in 8 bits, 16 bits and both."""
    folder = tmp_path_factory.mktemp("images")
    samples = [clip_input(path) for path in CLIPS[:2]]
    write_float(DATA / "eat.onnx", folder / "float.sim")
    made = {}
    for name, settings in SETTINGS.items():
        fixed, made[name] = folder / f"{name}.sim", folder / f"{name}.img"
        write_fixed(folder / "float.sim", fixed, samples=samples, settings=settings)
        write_image(fixed, made[name], chip="pcupid")
    return made


@pytest.fixture(scope="session")
def references(images: dict[str, Path]) -> dict[str, Levels]:
    """What the Python runner gives for every clip."""
    found = {}
    for name, path in images.items():
        engine = OfflineEngine.load(path)
        outputs = {clip.name: engine.run_raw(clip_input(clip))["output"] for clip in CLIPS}
        found[name] = Levels(image=path, engine=engine, outputs=outputs)
    return found


@pytest.fixture(scope="session")
def raw_clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The model's input for every clip, as `dla_simulator` reads it."""
    folder = tmp_path_factory.mktemp("raw")
    for clip in CLIPS:
        np.asarray(clip_input(clip)["images"], "<f4").tofile(folder / f"{clip.name}.bin")
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Both programs for this machine."""
    if lacks := missing(["make", "cc"]):
        pytest.skip(f"needs {lacks}")
    out = tmp_path_factory.mktemp("here")
    make(out, "all")
    make_probe(out, out)
    return Built(folder=out)


@pytest.fixture(scope="session", params=sorted(COMPILERS))
def crossed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Both programs for an ARM processor, under user-mode emulation."""
    compiler, emulator = COMPILERS[request.param], QEMU_LD[request.param]
    if lacks := missing(["make", compiler, emulator]):
        pytest.skip(f"needs {lacks}")
    out = tmp_path_factory.mktemp(request.param)
    make(out, "all", f"CC={compiler}")
    make_probe(out, out, "-static", compiler=compiler)
    yield Built(folder=out, runner=(emulator,))


@pytest.fixture(scope="session")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Both programs and the fuzz harness under AddressSanitizer and UndefinedBehaviorSanitizer."""
    if lacks := missing(["make", "cc"]):
        pytest.skip(f"needs {lacks}")
    out = tmp_path_factory.mktemp("checked")
    make(out, "asan")
    make_probe(out / "asan", out / "asan", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    return Built(folder=out / "asan")
