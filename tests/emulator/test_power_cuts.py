"""A few power cuts; `tests/emulator/power_cuts.py` makes many."""

from __future__ import annotations

from pathlib import Path

from tests.emulator.conftest import Boards
from tests.emulator.power_cuts import survive


def test_after_power_cuts_the_next_deploy_finishes_the_job(emulated_boards: Boards, tmp_path: Path) -> None:
    """Cut at random moments of push and run, the board has the old or the new release whole, never a part."""
    tally = survive(emulated_boards("aarch64"), tmp_path, cuts=2, seed=7)

    assert ([], 2) == (tally.problems, tally.kept_old + tally.had_new)
    assert tally.cuts == tally.during.total() == 2
