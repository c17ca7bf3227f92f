"""The shipped model, converted once for all tests of this folder."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import board_runner
from board_runner.contract import Array, Tensors
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph
from board_runner.models import eat
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.float_sim import write_float
from board_runner.quant.settings import QuantSettings

DATA = Path(board_runner.__file__).parent / "data"


@dataclass(frozen=True, kw_only=True)
class Converted:
    """Files of one conversion, the clips' inputs, and what the float model says of them."""

    float_sim: Path
    fixed: Path
    fixed16: Path
    image: Path
    samples: tuple[Tensors, ...]
    logits: Array


def _samples(path: Path) -> Tensors:
    with wave.open(str(path)) as file:
        levels = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return next(iter(eat.chunks(levels.astype(np.float32) / np.float32(32768), eat.contract())))


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """The shipped model in every form; the clips calibrate it."""
    folder = tmp_path_factory.mktemp("quant")
    samples = tuple(_samples(path) for path in sorted((DATA / "clips").glob("*.wav")))
    files = {name: folder / f"eat_{name}.sim" for name in ("float", "fixed", "fixed16")}
    write_float(DATA / "eat.onnx", files["float"])
    write_fixed(files["float"], files["fixed"], samples=samples)
    write_fixed(files["float"], files["fixed16"], samples=samples, settings=QuantSettings(conv_bits=16))
    write_image(files["fixed"], folder / "eat.img", chip="pcupid")
    engine = FloatEngine(Graph.load(files["float"]))
    return Converted(
        float_sim=files["float"],
        fixed=files["fixed"],
        fixed16=files["fixed16"],
        image=folder / "eat.img",
        samples=samples,
        logits=np.concatenate([engine.run(sample)["output"] for sample in samples]),
    )
