"""The short form of `make soak`: a few pushes with random kills, and every board's content compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.boards.rig import MAIN, RIGS, missing
from tests.soak.soak_boards import soak


def test_ten_pushes_with_random_kills_leave_whole_releases(tmp_path: Path) -> None:
    """Whatever is killed and whenever, a board holds a release byte for byte, and calm pushes succeed."""
    for kind in (RIGS[name] for name in MAIN):
        if reason := missing(kind):
            pytest.skip(reason)
    tally = soak(tmp_path, pushes=10, seed=3)

    assert tally.whole == tally.pushes == 12 and tally.compared_bytes > 0
    assert tally.faults.total() - tally.faults["none"] >= 5
