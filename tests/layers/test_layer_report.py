"""Marks and jumps: the vendor's rules, and where the noise begins."""

from __future__ import annotations

import pytest

from deployer.layers.measure import Errors
from deployer.layers.report import LayerReport, LayerRow, first_jump


def _errors(sqnr_db: float, cosine: float | None = 1.0, rmse: float | None = 0.0) -> Errors:
    return Errors(cosine=cosine, rmse=rmse, mse=0.0, sqnr_db=sqnr_db)


def _row(index: int, accumulated: Errors, single: Errors | None = None, *reads: str) -> LayerRow:
    return LayerRow(
        index=index,
        name=f"t{index}",
        op="conv8",
        shape=(1,),
        sources=reads,
        accumulated=accumulated,
        single=single,
        worst_clip="a.wav",
    )


@pytest.mark.parametrize(
    ("cosine", "rmse", "marks"),
    [
        (0.999, 0.005, ()),
        (0.999, 0.05, ("oscillating",)),
        (0.985, 0.05, ("suspicious", "oscillating")),
        (0.97, 0.05, ("suspicious",)),
        (0.999, 0.11, ("suspicious",)),
        (0.999, 0.6, ("large", "suspicious")),
        (None, None, ("suspicious",)),
    ],
)
def test_marks_follow_the_vendors_rule(
    cosine: float | None, rmse: float | None, marks: tuple[str, ...]
) -> None:
    """COS < 0.99 or RMSE > 0.1; the zone between good and bad; RMSE > 0.5."""
    assert marks == _row(0, _errors(30, cosine, rmse)).marks


def test_a_layer_that_adds_noise_of_its_own_is_the_jump() -> None:
    """Alone it has less than 30 dB, though its input was no better than its output."""
    rows = [_row(0, _errors(60)), _row(1, _errors(31), _errors(29), "t0"), _row(2, _errors(10), None, "t1")]

    jump = first_jump(rows)

    assert jump is not None
    assert (1, "single") == (jump.index, jump.kind)
    assert jump.factor == pytest.approx(10 ** (40 / 10 - 29 / 10))


def test_a_chain_that_gets_ten_times_worse_is_the_jump() -> None:
    """Against the worst of what the layer reads, not against its neighbour in the list."""
    rows = [
        _row(0, _errors(35)),
        _row(1, _errors(32), _errors(70)),
        _row(2, _errors(24), _errors(70), "t0", "t1"),  # 8 dB worse than t1: no jump
        _row(3, _errors(13), _errors(70), "t2"),
    ]

    jump = first_jump(rows)

    assert jump is not None
    assert (3, "accumulated") == (jump.index, jump.kind)
    assert jump.factor == pytest.approx(10**1.1)


def test_the_inputs_own_quantiser_can_be_the_jump() -> None:
    """It bears the input's name, and what it reads is exact."""
    jump = first_jump([_row(0, _errors(20), None, "t0")])

    assert jump is not None
    assert jump.factor == pytest.approx(100.0)


def test_small_noise_is_no_jump() -> None:
    """From 90 dB to 45 dB is a factor of thousands, and of no interest."""
    assert first_jump([_row(0, _errors(90)), _row(1, _errors(45), _errors(45), "t0")]) is None


def test_worst_first_by_either_error() -> None:
    """A layer that has no single error comes last there; as executed is as executed."""
    rows = (
        _row(0, _errors(20), _errors(80)),
        _row(1, _errors(30)),
        _row(2, _errors(25), _errors(40), "t0"),
    )
    report = LayerReport(
        reference="float",
        candidate="fixed",
        reference_detail="",
        candidate_detail="",
        clips=("a.wav",),
        rows=rows,
    )

    assert [0, 2, 1] == [row.index for row in report.ordered("accumulated")]
    assert [2, 0, 1] == [row.index for row in report.ordered("single")]
    assert [0, 1, 2] == [row.index for row in report.ordered("execution")]
