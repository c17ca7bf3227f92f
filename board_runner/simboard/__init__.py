"""The simulated board: `with SimBoard(SimBoardConfig()).start() as board: ...`."""

from board_runner.simboard.board import SimBoard, SimBoardConfig

__all__ = ["SimBoard", "SimBoardConfig"]
