"""What the quantiser says of a network in more dimensions than the integer program has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from board_runner import engine
from board_runner.contract import METADATA_KEY, InputContract
from board_runner.errors import ModelError
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_sim import write_fixed
from tests.kws.test_planes import conv_graph


def test_a_convolution_of_volumes_is_refused_by_name(tmp_path: Path) -> None:
    """The integer program has lines and planes: beyond, neither the fixed stage nor an image is made."""
    graph = conv_graph((1, 6, 5, 5, 5), (5, 6, 3, 3, 3))
    contract = InputContract(model="kws", sample_rate_hz=16000, inputs=graph.inputs, outputs=graph.outputs)
    replace(graph, metadata={METADATA_KEY: contract.to_json()}).save(tmp_path / "float.sim")
    samples = [{"x": np.ones((1, 6, 5, 5, 5), np.float32)}]
    fixed = tmp_path / "fixed.sim"
    write_fixed(tmp_path / "float.sim", fixed, samples=samples)
    for refused in (
        lambda: engine.load(fixed),
        lambda: write_image(fixed, tmp_path / "made.img", chip="pcupid"),
    ):
        with pytest.raises(ModelError, match="conv: a convolution in 3 dimensions has no integer form"):
            refused()
    assert not (tmp_path / "made.img").exists()
