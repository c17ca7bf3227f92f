"""Records made by hand, for every test of the history."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.history import History
from tests.history.made import bench


@pytest.fixture
def history(tmp_path: Path) -> History:
    """An empty history."""
    return History(tmp_path / "runs")


@pytest.fixture
def three(history: History) -> History:
    """Three benches, of January, February and March, on two boards; the middle one is tagged `golden`."""
    history.add(bench("20260110-000000-bench-0001", created="2026-01-10T00:00:00+00:00"))
    history.add(
        bench("20260210-000000-bench-0002", created="2026-02-10T00:00:00+00:00", board="rack", chip="maruko"),
        tags=["golden"],
    )
    history.add(bench("20260310-000000-bench-0003", created="2026-03-10T00:00:00+00:00", model="kws"))
    return history
