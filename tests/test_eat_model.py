"""EAT's front end and decision: the shipped answers, and clips that are unlike any recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import board_runner
from board_runner import audio, models
from board_runner.contract import Array
from board_runner.errors import InputError, ModelError
from board_runner.float_engine import FloatEngine
from board_runner.models import eat
from board_runner.models.base import run_model

DATA = Path(board_runner.__file__).parent / "data"
CONTRACT = eat.contract()


def _input(samples: Array) -> Array:
    (chunk,) = models.get("eat").chunks(samples, CONTRACT)
    values: Array = chunk["images"]
    return values


@given(arrays.arrays(np.float32, st.integers(1, 300), elements=st.floats(-1, 1, width=32)))
def test_every_clip_becomes_a_finite_input_of_peak_095(samples: Array) -> None:
    """Any samples, subnormal or silent too: finite, zero after the end, the peak at 0.95 or at nothing."""
    values = _input(samples)

    assert ((1, 1, 114688), "float32") == (values.shape, values.dtype.name)
    assert np.isfinite(values).all()
    assert not values[..., samples.size :].any()
    if np.max(np.abs(samples)) > 1e-30:
        assert np.max(np.abs(values)) == pytest.approx(0.95, rel=1e-6)


def test_each_step_is_one_float32_operation() -> None:
    """The order is x * 0.95, then / max|x|, each rounded to float32: other orders differ in the last bit."""
    samples = np.random.default_rng(0).uniform(-0.7, 0.7, 1000).astype(np.float32)
    largest = max(abs(float(x)) for x in samples)
    expected = [np.float32(np.float32(x * np.float32(0.95)) / np.float32(largest)) for x in samples]

    assert expected == _input(samples)[0, 0, :1000].tolist()


def test_the_scale_is_that_of_the_whole_file() -> None:
    """A peak after the first 114688 samples counts, though the model never sees it."""
    samples = np.full(120000, 0.25, np.float32)
    samples[-1] = 1.0

    values = _input(samples)

    assert np.float32(0.25) * np.float32(0.95) == values[0, 0, -1]


def test_an_empty_clip_is_refused() -> None:
    """No samples, no answer."""
    with pytest.raises(InputError, match="empty"):
        _input(np.zeros(0, np.float32))


def test_the_first_of_equal_scores_wins_by_no_margin() -> None:
    """Ties go to the lower class; the score is the softmax, the margin counts in logits."""
    logits = np.array([[0.0, 2.0, 2.0, 0.0]], np.float32)

    decision = eat.decode([{"output": logits}])

    assert (1, 0.0) == (decision.class_id, decision.margin)
    assert decision.score == pytest.approx(np.exp(2) / (2 * np.exp(2) + 2), rel=1e-6)


@pytest.mark.parametrize("logits", [[np.nan, 1.0], [np.inf, 1.0], [1.0]])
def test_scores_that_decide_nothing_are_refused(logits: list[float]) -> None:
    """NaN, infinity or a lone class never become a class id."""
    with pytest.raises(ModelError):
        eat.decode([{"output": np.array([logits], np.float32)}])


def test_the_shipped_model_gives_the_checkpoints_logits() -> None:
    """From wav to logits: within 1e-3 of what the trained network itself said of the shipped clips."""
    golden = np.load(DATA / "golden_logits.npz")
    engine = FloatEngine.load(DATA / "eat.onnx")
    for name, expected in list(zip(golden["names"], golden["logits"], strict=True))[:3]:
        samples = audio.require(audio.read_wav(DATA / "clips" / str(name)), CONTRACT.sample_rate_hz)
        outputs = run_model(models.get("eat"), engine, samples, CONTRACT)

        np.testing.assert_allclose(outputs[0]["output"][0], expected, atol=1e-3)
        assert int(np.argmax(expected)) == eat.decode(outputs).class_id
