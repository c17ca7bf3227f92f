"""Boards in a team's own tests: push, run, bench, and assertions that explain themselves."""

from deployer.testing.benched import BenchResult
from deployer.testing.board import BoardUnderTest, RunResult, open_board

__all__ = ["BenchResult", "BoardUnderTest", "RunResult", "open_board"]
