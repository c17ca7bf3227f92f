"""quant_file: what is saved gives the same model again, and what does not fit is refused by name."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board_runner.errors import ModelError
from board_runner.graph import Graph
from board_runner.quant import patterns, quant_file, quant_info
from board_runner.quant.calibration import calibrate
from board_runner.quant.fixed_engine import FixedEngine
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.quant_file import Override
from board_runner.quant.settings import Level, QuantSettings
from tests.quant import small

SOUNDS = small.sounds(6)


def _decided(entries: list[dict[str, Any]], tmp_path: Path, **fields: Any) -> frozenset[str]:
    path = tmp_path / "quant.json"
    path.write_text(json.dumps(entries))
    settings = QuantSettings(overrides=quant_file.read(path), **fields)
    return calibrate(patterns.rewrite(small.graph()), SOUNDS, settings).scheme.wide


@pytest.mark.parametrize("level", ["L1", "L3", "L5"])
def test_saved_entries_give_the_same_model_from_other_samples(tmp_path: Path, level: Level) -> None:
    """A quant_file holds all that calibration decided: ranges, weight scales and bits."""
    model = small.save(tmp_path / "m.onnx")
    made = write_fixed(model, tmp_path / "a", samples=SOUNDS, settings=QuantSettings(level=level))
    quant_file.write(
        tmp_path / "q.json", quant_info.entries(patterns.rewrite(Graph.load(model)), made.scheme)
    )

    again = QuantSettings(overrides=quant_file.read(tmp_path / "q.json"))
    write_fixed(model, tmp_path / "b", samples=small.sounds(2, seed=9), settings=again)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_first_convolution_is_moved_by_a_quant_file_and_not_by_tensor_arrays(tmp_path: Path) -> None:
    """The vendor's rule for the ini, and the way round it."""
    entry = {"name": "images", "min": [-1.0], "max": [1.0], "bit": 16}

    assert {"c1"} == _decided([entry], tmp_path)
    assert {"c2"} == _decided([], tmp_path, int16_inputs=("images", "a1"))


def test_an_entry_of_the_user_goes_before_l5(tmp_path: Path) -> None:
    """What is said to have 8 bits is not upgraded."""
    entries = [{"name": name, "min": [-3], "max": [3], "bit": 8} for name in small.CONV_INPUTS[1:]]

    wide = _decided(entries, tmp_path, level="L5", sensitivity_threshold=0.0)

    assert {"c1"} == wide


def test_data_replaces_the_values_of_a_constant(tmp_path: Path) -> None:
    """The model then computes with the file's weights."""
    model = small.save(tmp_path / "m.onnx")
    zeros = (0.0,) * (small.CLASSES * 496)
    bias = tuple(float(v) for v in np.linspace(-1, 1, small.CLASSES))
    given = [Override(name="w6", bits=16, data=zeros), Override(name="b6", bits=16, data=bias)]
    settings = QuantSettings(overrides=quant_file.by_name(given))
    write_fixed(model, tmp_path / "f", samples=SOUNDS, settings=settings)

    output = FixedEngine(Graph.load(tmp_path / "f")).run(SOUNDS[0])["output"]

    assert np.abs(output[0] - bias).max() < 1e-3


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"name": "nobody", "min": [0], "max": [1], "bit": 8}, "no tensor 'nobody'"),
        ({"name": "flat", "min": [0], "max": [1], "bit": 16}, "no tensor 'flat'"),
        ({"name": "output", "min": [0], "max": [1], "bit": 8}, "'output' cannot have 8 bits"),
        ({"name": "w5", "min": [-1, -1], "max": [1, 1], "bit": 8}, "2 ranges, its weight 16"),
        ({"name": "b1", "min": [], "max": [], "bit": 16, "data": [1.0]}, "1 values, the model's has 8"),
        ({"name": "sum", "min": [], "max": [], "bit": 16, "data": [1.0]}, "not a constant"),
        ({"name": "sum", "min": [2], "max": [1], "bit": 8}, "a min above its max"),
        ({"name": "sum", "min": [1], "max": [1, 2], "bit": 8}, "1 min and 2 max"),
        ({"name": "sum", "min": [0], "max": [1e39], "bit": 8}, "beyond float32"),
        ({"name": "sum", "min": [0], "max": ["1"], "bit": 8}, "lists of numbers"),
        ({"name": "sum", "min": [0], "max": [1], "bit": 4}, "bit is 4"),
        ({"name": "sum", "min": [0], "max": [1], "bits": 8}, "unknown key 'bits'"),
        ({"min": [0], "max": [1], "bit": 8}, "has no name"),
    ],
)
def test_entries_that_do_not_fit_are_refused(entry: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    """The message names the tensor or the entry, and the fault."""
    with pytest.raises(ModelError, match=complaint):
        _decided([entry], tmp_path)


def test_no_pickle_is_loaded(tmp_path: Path) -> None:
    """Reading a quant_file executes nothing: the vendor's pickles are refused."""
    path = tmp_path / "quant.pkl"
    path.write_bytes(pickle.dumps([{"name": "a", "min": [0], "max": [1], "bit": 8}]))

    with pytest.raises(ModelError, match=r"quant\.pkl"):
        quant_file.read(path)


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", "[[]]", "[" * 3000, '[{"name": "a", "bit": 8, "min": NaN, "max": 1}]']
)
def test_damaged_files_are_refused(text: str, tmp_path: Path) -> None:
    """Always as a ModelError that names the file."""
    path = tmp_path / "quant.json"
    path.write_text(text)

    with pytest.raises(ModelError, match=r"quant\.json"):
        quant_file.read(path)
