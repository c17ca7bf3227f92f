"""The two judgements on quantisation that CI can make: on the ten shipped clips, which calibrate as well.

`tests/bench/judge_quantisation.py` makes them on a folder of other clips.
"""

from __future__ import annotations

import pytest

from board_runner.quant.settings import QuantSettings
from tests.quant.conftest import DATA, Converted
from tests.quant.judging import Judge


@pytest.fixture(scope="module")
def judge(converted: Converted) -> Judge:
    """Calibrated on the ten clips."""
    return Judge(DATA / "eat.onnx", converted.samples, converted.samples)


def test_not_below_onnxruntime_minus_one_db_with_8_bit_convolutions(judge: Judge) -> None:
    """Same scheme, same clips, same run: neither with the same min/max ranges nor at the default level."""
    theirs = judge.theirs("conv8").sqnr_db

    assert judge.ours(QuantSettings(level="L1")).sqnr_db > theirs - 1
    assert judge.ours(QuantSettings(level="L5", upgrade=False)).sqnr_db > theirs - 1


def test_not_below_onnxruntime_minus_one_db_with_16_bit_convolutions(judge: Judge) -> None:
    """int16 throughout."""
    assert judge.ours(QuantSettings(conv_bits=16)).sqnr_db > judge.theirs("conv16").sqnr_db - 1


def test_a_mixture_gains_8_db_for_less_than_three_quarters_of_the_weight(judge: Judge) -> None:
    """L5 as it comes, against the same ranges with all convolutions in 8 bits."""
    narrow = judge.ours(QuantSettings(level="L5", upgrade=False))
    mixed = judge.ours(QuantSettings(level="L5"))
    wide = judge.ours(QuantSettings(conv_bits=16))

    assert narrow.sqnr_db + 8 <= mixed.sqnr_db
    assert mixed.weight_bytes <= 0.75 * wide.weight_bytes
