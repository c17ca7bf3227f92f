"""Each set of kernels against the formulas, over all levels."""

from __future__ import annotations

import pytest

from tests.native.build import Built

MULTIPLIERS = (
    0,
    1,
    32767,
    32768,
    65535,
    98304,
    1 << 30,
    1139435921,
    1717986944,
    (1 << 31) - 32769,
    (1 << 31) - 1,
    -98304,
    -(1 << 30),
    -(1 << 31) + 1,
)


def _wrong(said: str) -> list[str]:
    lines = said.splitlines()
    assert any(line.startswith("portable ") for line in lines)
    return [line for line in lines if not line.endswith(" 0")]


@pytest.mark.parametrize("shift", [1, 16, 17, 30, 33, 38, 46, 47, 52])
def test_every_level_is_rescaled_as_the_formula_says(shift: int, checked: Built) -> None:
    """`scale`, `narrow` and `leaky` over 65536 levels, on either side of where 32 bits suffice."""
    for multiplier in MULTIPLIERS:
        done = checked.run("probe", "level", str(multiplier), str(shift))
        assert (0, "", []) == (done.returncode, done.stderr, _wrong(done.stdout))


@pytest.mark.parametrize("shift", [1, 17, 30, 31, 32, 38, 46, 52])
def test_sums_are_rescaled_as_the_formula_says(shift: int, checked: Built) -> None:
    """`add` over pairs of levels that include both ends."""
    for first in MULTIPLIERS[2:]:
        for second in (0, 98304, 1113713866, (1 << 31) - 1, -1113713866):
            done = checked.run("probe", "sum", str(first), str(second), str(shift))
            assert (0, "", []) == (done.returncode, done.stderr, _wrong(done.stdout))
