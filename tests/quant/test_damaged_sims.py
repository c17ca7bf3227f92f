"""Damaged `.sim` files: a ModelError and nothing else; the long form is `make fuzz`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from board_runner import engine
from board_runner.errors import ModelError
from tests.fuzz import fuzz_sim


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NaN in a damaged constant
def test_a_damaged_sim_is_refused_or_loads(tmp_path: Path) -> None:
    """Bytes changed and files cut, float and fixed."""
    seen = fuzz_sim.run(tmp_path, 400, seed=11, keep=tmp_path / "kept")

    assert 0 == seen["failed"], list((tmp_path / "kept").iterdir())
    assert seen["refused"] > 40 and seen["loaded"] > 40


def test_a_constant_that_names_another_file_is_refused(tmp_path: Path) -> None:
    """Loading a model reads no file but the model's."""
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "c")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    node = helper.make_node("Constant", [], ["c"], value=tensor)
    out = helper.make_tensor_value_info("c", onnx.TensorProto.FLOAT, [4])
    onnx.save_model(helper.make_model(helper.make_graph([node], "g", [], [out])), str(tmp_path / "m.onnx"))

    with pytest.raises(ModelError, match="in another file"):
        engine.load(tmp_path / "m.onnx")
