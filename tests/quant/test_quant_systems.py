"""Keyword spotting, EfficientAT and ECAPA-TDNN in integers: equality, an independent runtime, accuracy."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph
from board_runner.integer import exact, image, opset
from board_runner.integer.engine import IntegerEngine
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_engine import FixedEngine
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.settings import QuantSettings
from tests.quant import apart, ort_static, systems
from tests.quant.judging import Judge, sqnr_db

pytestmark = pytest.mark.torch


@dataclass(frozen=True, kw_only=True)
class Made:
    """One system with its fixed models in 8 and 16 bits."""

    system: systems.System
    fixed: dict[int, Path]


@pytest.fixture(scope="module", params=["CNN-S", "DS-CNN-S", "ECAPA small", "mn05"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Exported once, quantised twice."""
    folder = tmp_path_factory.mktemp("system")
    system = systems.build(request.param, folder, count=6)
    fixed = {8: folder / "8.sim", 16: folder / "16.sim"}
    for bits, path in fixed.items():
        settings = QuantSettings(conv_bits=16 if bits == 16 else 8)
        write_fixed(system.onnx, path, samples=system.calibration, settings=settings)
    return Made(system=system, fixed=fixed)


@pytest.mark.parametrize("bits", [8, 16])
def test_offline_is_fixed_bit_for_bit(made: Made, bits: int, tmp_path: Path) -> None:
    """Every output of the image, of the fixed model and of integers alone, on a sound and on loud noise."""
    write_image(made.fixed[bits], tmp_path / "x.img", chip="pcupid")
    loaded = image.read(tmp_path / "x.img")
    fixed = FixedEngine(Graph.load(made.fixed[bits]))
    others = (
        IntegerEngine(loaded.program, plan=loaded.plan),
        IntegerEngine(loaded.program, prepare=exact.prepare),
    )
    (spec,) = fixed.inputs
    noise = 1e4 * np.random.default_rng(3).standard_normal(spec.shape)
    for sample in (made.system.clips[0], {spec.name: noise.astype(np.float32)}):
        wanted = fixed.run_raw(sample)
        for other in others:
            assert all(np.array_equal(levels, other.run_raw(sample)[name]) for name, levels in wanted.items())
    lines = made.system.name.startswith("ECAPA")
    assert opset.version(loaded.program) == 3 and lines == all(
        len(step.ints["stride"]) == 1 for step in loaded.program.instructions if "group" in step.ints
    )


@pytest.mark.parametrize("bits", [8, 16])
def test_every_layer_is_within_one_level_of_onnxruntime(made: Made, bits: int) -> None:
    """As for EAT: another runtime, one layer at a time, fed with the simulator's own input."""
    share, worst = apart.shares(made.fixed[bits], made.system.clips[:1])

    assert max(worst.values()) <= 1, max(worst, key=lambda name: worst[name])
    assert share < 0.005


@pytest.mark.parametrize("bits", [8, 16])
def test_onnxruntime_runs_the_fixed_model_whole(made: Made, bits: int) -> None:
    """The file is valid as it lies there, and the two differ by what roundings make of each other."""
    clips = made.system.clips[:2]
    fixed = FixedEngine(Graph.load(made.fixed[bits]))
    ours = np.concatenate([fixed.run(clip)[fixed.outputs[0].name] for clip in clips])
    apart_by = np.abs(ours - ort_static.outputs(made.fixed[bits], clips)).max() / np.abs(ours).max()

    assert apart_by < {8: 0.6, 16: 0.02}[bits]  # mn05 with random weights makes most of a rounding


def test_not_below_static_quantisation_of_onnxruntime(made: Made) -> None:
    """The same scheme, ranges by min and max, the same data in one run: not below its SQNR minus 1 dB."""
    judge = Judge(made.system.onnx, made.system.calibration, made.system.calibration)
    eight, sixteen = judge.ours(QuantSettings(level="L1")), judge.ours(QuantSettings(conv_bits=16))

    assert judge.theirs("conv8").sqnr_db - 1 < eight.sqnr_db
    assert judge.theirs("conv16").sqnr_db - 1 < sixteen.sqnr_db
    assert eight.sqnr_db + 10 < sixteen.sqnr_db


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> systems.System:
    """The network whose kernels are mixed at run time, two sounds of those that its normalisations know."""
    system = systems.build("dymn05", tmp_path_factory.mktemp("mixed"), count=8)
    return replace(system, calibration=system.calibration[:2])


def test_kernels_mixed_at_run_time_keep_their_signal(mixed: systems.System, tmp_path: Path) -> None:
    """dymn05 in 16 bits, normalised as a trained one is: the image's bits are the fixed model's, near float."""
    settings = QuantSettings(conv_bits=16)
    write_fixed(mixed.onnx, tmp_path / "16.sim", samples=mixed.calibration, settings=settings)
    write_image(tmp_path / "16.sim", tmp_path / "x.img", chip="pcupid")
    loaded, fixed = image.read(tmp_path / "x.img"), FixedEngine(Graph.load(tmp_path / "16.sim"))
    given, logits = mixed.calibration[1], fixed.outputs[0].name
    wanted = fixed.run_raw(given)
    found = IntegerEngine(loaded.program, plan=loaded.plan).run_raw(given)

    assert all(np.array_equal(levels, found[name]) for name, levels in wanted.items())
    assert sqnr_db(FloatEngine.load(mixed.onnx).run(given)[logits], fixed.run(given)[logits]) > 60


@pytest.mark.skipif("DEPLOY_SOAK" not in os.environ, reason="half a minute: DEPLOY_SOAK=1 runs it")
def test_kernels_mixed_at_run_time_are_not_below_onnxruntimes(mixed: systems.System) -> None:
    """The same scheme and sounds in one run: not below its SQNR minus 1 dB."""
    judge = Judge(mixed.onnx, mixed.calibration, mixed.calibration)

    assert judge.theirs("conv16").sqnr_db - 1 < judge.ours(QuantSettings(conv_bits=16)).sqnr_db
