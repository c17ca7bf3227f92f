"""Fabric on an open board."""

from __future__ import annotations

from deployer.board.fabric_connection import connection
from tests.boards.servers import Place


def test_fabric_runs_on_the_board_s_own_connection(place: Place) -> None:
    """A team's fabric task needs no second log-in; status and both streams are fabric's."""
    with place.board(client="paramiko") as board:
        made = connection(board)
        done = made.run("echo out; echo err >&2; exit 3", warn=True)
        assert made.is_connected

    assert (done.stdout, done.stderr, done.exited) == ("out\n", "err\n", 3)
