"""The shipped model through every form: equality, accuracy, and an independent runtime."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from board_runner import engine as any_engine
from board_runner.contract import Array, Tensors
from board_runner.errors import ModelError
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph
from board_runner.integer import exact, image
from board_runner.integer.engine import IntegerEngine, OfflineEngine
from board_runner.models import eat
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_engine import FixedEngine
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.settings import QuantSettings
from tests.quant.conftest import DATA, Converted


def _sqnr_db(reference: Array, other: Array) -> float:
    error = reference.astype(np.float64) - other
    return float(10 * np.log10(np.square(reference.astype(np.float64)).sum() / np.square(error).sum()))


def _logits(path: Path, samples: tuple[Tensors, ...]) -> Array:
    fixed = FixedEngine(Graph.load(path))
    return np.concatenate([fixed.run(sample)["output"] for sample in samples])


def test_float_sim_gives_the_bits_of_the_source(converted: Converted) -> None:
    """Marking a model changes none of its results, and the contract comes along."""
    source = FloatEngine(Graph.load(DATA / "eat.onnx"))
    marked = Graph.load(converted.float_sim)
    sample = converted.samples[0]

    assert np.array_equal(source.run(sample)["output"], FloatEngine(marked).run(sample)["output"])
    assert marked.contract == source.graph.contract and not marked.is_fixed


def test_offline_is_fixed_bit_for_bit_on_every_clip(converted: Converted) -> None:
    """The image and the fixed model give the same int16 and the same float32."""
    fixed = any_engine.load(converted.fixed)
    offline = any_engine.load(converted.image)
    assert isinstance(fixed, FixedEngine) and isinstance(offline, OfflineEngine)

    for sample in converted.samples:
        raw = fixed.run_raw(sample)["output"]
        assert raw.dtype == np.int16
        assert np.array_equal(raw, offline.run_raw(sample)["output"])
        assert np.array_equal(offline.run(sample)["output"], raw * offline.output_scales["output"])


@pytest.mark.parametrize("kind", ["silence", "full scale", "noise", "one sample"])
def test_offline_is_fixed_on_clips_that_nobody_calibrated(converted: Converted, kind: str) -> None:
    """Odd inputs, saturating ones too: fixed, offline and the arithmetic in integers alone agree."""
    rng = np.random.default_rng(5)
    clip = np.zeros((1, 1, eat.SAMPLES), np.float32)
    if kind == "full scale":
        clip[:] = np.where(np.arange(eat.SAMPLES) // 50 % 2, 1e6, -1e6)
    elif kind == "noise":
        clip[:] = rng.standard_normal(clip.shape)
    elif kind == "one sample":
        clip[0, 0, 5000] = 1
    program = image.read(converted.image).program
    engines = (
        any_engine.load(converted.fixed),
        any_engine.load(converted.image),
        IntegerEngine(program, prepare=exact.prepare),
    )
    fixed, offline, plain = (e.run({"images": clip})["output"] for e in engines)

    assert np.array_equal(fixed, offline) and np.array_equal(fixed, plain)


def test_fixed_decides_as_float_on_nine_clips_of_ten(converted: Converted) -> None:
    """8-bit convolutions keep the class, and 30 dB of the logits."""
    logits = _logits(converted.fixed, converted.samples)

    assert 9 <= np.count_nonzero(logits.argmax(1) == converted.logits.argmax(1))
    assert 30 < _sqnr_db(converted.logits, logits)


def test_sixteen_bits_are_better_than_eight(converted: Converted) -> None:
    """int16 convolutions gain at least 15 dB over 8-bit ones."""
    eight = _sqnr_db(converted.logits, _logits(converted.fixed, converted.samples))
    sixteen = _sqnr_db(converted.logits, _logits(converted.fixed16, converted.samples))

    assert eight + 15 < sixteen


@pytest.mark.parametrize("form", ["fixed", "fixed16"])
def test_onnxruntime_runs_the_fixed_model_and_agrees(converted: Converted, form: str) -> None:
    """Another runtime, optimisations off, is close to ours: the two differ in rounding only."""
    path = getattr(converted, form)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    theirs = np.concatenate([session.run(None, dict(sample))[0] for sample in converted.samples[:4]])
    ours = _logits(path, converted.samples[:4])

    # Measured: 0.3 % of the largest logit with 8-bit convolutions, 0.01 % with int16.
    assert np.abs(theirs - ours).max() <= {"fixed": 0.01, "fixed16": 0.0005}[form] * np.abs(ours).max()


def test_the_fixed_model_is_valid_onnx_at_opset_21(converted: Converted) -> None:
    """The checker of ONNX has nothing against it."""
    model = onnx.load(str(converted.fixed))
    onnx.checker.check_model(model, full_check=True)

    assert [21] == [entry.version for entry in model.opset_import]


def test_the_same_samples_give_the_same_bytes(converted: Converted, tmp_path: Path) -> None:
    """Conversion is deterministic, streams its samples once, and says how many it saw."""
    seen: list[int] = []

    def stream() -> Iterator[Tensors]:
        yield from converted.samples[:2]

    for name in ("a", "b"):
        write_fixed(converted.float_sim, tmp_path / name, samples=stream(), progress=seen.append)
        write_image(tmp_path / name, tmp_path / f"{name}.img", chip="pcupid")

    assert [1, 2, 1, 2] == seen
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a.img").read_bytes() == (tmp_path / "b.img").read_bytes()


def test_named_inputs_are_int16_but_the_first_convolution_is_not(
    converted: Converted, tmp_path: Path
) -> None:
    """`tensor_arrays` moves the named convolutions to int16; the first stays as it is."""
    convolutions = [node for node in Graph.load(converted.float_sim).nodes if node.op_type == "Conv"]
    names = (convolutions[0].inputs[0], convolutions[1].inputs[0])
    write_fixed(
        converted.float_sim,
        tmp_path / "mixed.sim",
        samples=converted.samples[:1],
        settings=QuantSettings(int16_inputs=names),
    )
    program = FixedEngine(Graph.load(tmp_path / "mixed.sim")).program

    kinds = [step.op for step in program.instructions if step.op.startswith("conv")]
    assert ["conv8", "conv16", "conv8"] == kinds[:3] and 1 == kinds.count("conv16")


def test_no_samples_are_refused(converted: Converted, tmp_path: Path) -> None:
    """Calibration needs at least one sample."""
    with pytest.raises(ModelError, match="no calibration samples"):
        write_fixed(converted.float_sim, tmp_path / "x", samples=())


def test_a_float_model_makes_no_image(converted: Converted, tmp_path: Path) -> None:
    """Only a fixed model is compiled."""
    with pytest.raises(ModelError, match="not a fixed model"):
        write_image(converted.float_sim, tmp_path / "x", chip="pcupid")


def test_an_image_runs_without_onnx(converted: Converted) -> None:
    """A board without the onnx package runs an image."""
    code = (
        "import sys; sys.modules['onnx'] = None; from pathlib import Path\n"
        "from board_runner.engine import load; load(Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(converted.image)], check=True, timeout=60)


def test_the_image_knows_its_chip_and_contract(converted: Converted) -> None:
    """What a board must know of a model travels inside."""
    loaded = image.read(converted.image)

    assert "pcupid" == loaded.chip
    assert Graph.load(converted.fixed).contract == loaded.contract
