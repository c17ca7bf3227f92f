"""Stage against stage: McNemar's test against published and hand-made cases, and the flips."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from deployer.evaluation.answers import ClassOnly, Scores
from deployer.evaluation.dataset import Clip
from deployer.evaluation.versus import KEPT_FLIPS, VersusTally, mcnemar


def _clip(number: int) -> Clip:
    return Clip(path=Path(f"/set/{number:04d}.wav"), name=f"{number:04d}.wav", truth="")


@pytest.mark.parametrize(
    ("only", "p_value"),
    [
        ((0, 0), 1.0),
        ((1, 9), 2 * (1 + 10) / 2**10),
        ((9, 1), 2 * (1 + 10) / 2**10),
        ((0, 6), 2 / 2**6),
        ((5, 5), 1.0),
    ],
)
def test_few_clips_are_tested_exactly(only: tuple[int, int], p_value: float) -> None:
    """Both tails of tosses of a coin, summed by hand."""
    found = mcnemar(*only)

    assert found.exact and p_value == pytest.approx(found.p_value, rel=1e-12)


@pytest.mark.parametrize(
    ("only", "statistic"), [((150, 86), 3969 / 236), ((59, 121), 3721 / 180), ((20, 20), 0)]
)
def test_many_clips_are_tested_by_chi_squared(only: tuple[int, int], statistic: float) -> None:
    """Agresti's approval ratings (1990) and another, corrected: of one degree of freedom p = erfc(sqrt(x / 2))."""
    found = mcnemar(*only)

    assert not found.exact and math.erfc(math.sqrt(statistic / 2)) == pytest.approx(found.p_value, rel=1e-9)


def test_the_table_and_the_flips_of_a_case_by_hand() -> None:
    """Five clips of class 0: who has what right, and the flips by the reference's margin, the closest first."""
    tally = VersusTally("float", "fixed")
    answers = [([2, 0], [3, 0]), ([5, 0], [0, 1]), ([1, 0], [0, 1]), ([0, 2], [1, 0]), ([0, 3], [0, 3])]
    for number, pair in enumerate(answers):
        tally.add(_clip(number), 0, *(Scores(values=np.array(values, np.float32)) for values in pair))
    found = tally.versus()

    assert found.mcnemar is not None
    assert (5, 2, 1, 1) == (found.clips, found.alike, found.both_right, found.both_wrong)
    assert (2, 1) == (found.mcnemar.only_reference, found.mcnemar.only_candidate)
    assert [("0002.wav", 1.0, 1.0), ("0003.wav", 2.0, 1.0), ("0001.wav", 5.0, 1.0)] == [
        (flip.clip, flip.reference.margin, flip.candidate.margin) for flip in found.flips
    ]


def test_flips_without_end_do_not_fill_the_memory() -> None:
    """The closest are kept, all are counted; a stage of classes alone has no margins."""
    tally = VersusTally("board", "float")
    for number in range(KEPT_FLIPS + 50):
        score = np.array([number + 1, 0], np.float32)
        tally.add(_clip(number), 1, Scores(values=score), ClassOnly(class_id=1))
    found = tally.versus()

    assert (KEPT_FLIPS + 50, 0) == (found.clips, found.alike)
    assert [float(number + 1) for number in range(KEPT_FLIPS)] == [f.reference.margin for f in found.flips]
    assert found.flips[0].candidate.margin is None
