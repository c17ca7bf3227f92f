"""The metrics against answers worked out by hand, and the verdict."""

from __future__ import annotations

import math

import numpy as np
import pytest

from board_runner.contract import Array
from board_runner.errors import UsageError
from deployer.comparison import compare, compare_sim
from deployer.comparison.compare import Limits, StageOutputs


def _stage(name: str, **clips: list[float]) -> StageOutputs:
    outputs = {clip: {"output": np.array([values], np.float32)} for clip, values in clips.items()}
    return StageOutputs(stage=name, detail="by hand", outputs=outputs)


def _row(*values: float) -> Array:
    return np.array(values, np.float32)


def test_metrics_are_what_their_formulas_say() -> None:
    """a = (3, 4), b = (4, 3): cosine 24/25, RMSE 2/7, SQNR 10 log10(25/2), max abs 1."""
    diff = compare.difference(_row(3, 4), _row(4, 3))

    assert diff.cosine == pytest.approx(24 / 25)
    assert diff.rmse == pytest.approx(2 / 7)
    assert diff.sqnr_db == pytest.approx(10 * math.log10(25 / 2))
    assert 1.0 == diff.max_abs
    assert not diff.top1_agrees


def test_equal_tensors_are_equal_even_when_they_are_zero() -> None:
    """Zero against zero is no difference, not a nan."""
    diff = compare.difference(_row(0, 0), _row(0, 0))

    assert (1.0, 0.0, math.inf, 0.0, True) == (
        diff.cosine, diff.rmse, diff.sqnr_db, diff.max_abs, diff.top1_agrees,
    )  # fmt: skip


@pytest.mark.parametrize("values", [(0.0, 0.0), (math.nan, 1.0), (math.inf, 1.0)])
def test_a_dead_or_broken_output_never_passes(values: tuple[float, float]) -> None:
    """All zeros, NaN and infinity fail whatever the limits."""
    compared = compare.compare(_stage("float", a=[1, 2]), _stage("fixed", a=list(values)))

    assert not compare.verdict(compared, Limits(cosine_min=-1, rmse_max=0.5, top1_min=0)).passed


def test_the_worst_clip_is_named_and_the_limits_judge() -> None:
    """One bad clip of three decides cosine and RMSE; top-1 is a share."""
    reference = _stage("float", a=[1, 0], b=[0, 1], c=[1, 0])
    compared = compare.compare(reference, _stage("fixed", a=[1, 0], b=[1, 0], c=[1, 0.01]))

    assert "b" == compared.worst_clip
    assert compared.top1_agreement == pytest.approx(2 / 3)
    failures = compare.verdict(compared, Limits()).failures
    assert 3 == len(failures)
    assert compare.verdict(compared, Limits(cosine_min=-1, rmse_max=9, top1_min=0.6)).passed


def test_other_shapes_are_refused_with_both_shapes_named() -> None:
    """NHWC against NCHW is an error, not a number."""
    with pytest.raises(UsageError, match=r"\[1, 3\] against \[1, 2\]"):
        compare.compare(_stage("float", a=[1, 2]), _stage("fixed", a=[1, 2, 3]))


def test_other_clips_are_refused() -> None:
    """A clip that one stage lacks is named."""
    with pytest.raises(UsageError, match="clip b"):
        compare.compare(_stage("float", a=[1], b=[1]), _stage("fixed", a=[1]))


def test_a_stage_without_tensors_is_compared_by_its_decisions() -> None:
    """A vendor's program shows class ids alone, and the comparison says so."""
    board = StageOutputs(stage="board", detail="", outputs={}, class_ids={"a": 1, "b": 0})
    compared = compare.compare(_stage("offline", a=[0, 1], b=[0, 1]), board)

    assert compared.class_ids_only
    assert (0.5, "b", None) == (compared.top1_agreement, compared.worst_clip, compared.cosine_min)
    assert compare.verdict(compared, Limits(top1_min=0.5)).passed


def test_neighbours_and_the_ends_are_compared() -> None:
    """Three stages make three comparisons: each with the one before it, the last with the first."""
    done = compare_sim.judge([_stage(name, a=[1, 2]) for name in ("float", "fixed", "offline")], Limits())

    pairs = [(j.comparison.reference, j.comparison.candidate) for j in done.judged]
    assert [("float", "fixed"), ("fixed", "offline"), ("float", "offline")] == pairs
