"""Simulated boards, each kind by the words of its configuration."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from board_runner.simboard import SimBoard, SimBoardConfig
from deployer.board.config import BoardConfig
from tests.boards.servers.place import Place

PASSWORD_VARIABLE = "TEST_BOARD_PASSWORD"
PASSWORD = "correct horse"

SIM_KINDS: dict[str, dict[str, Any]] = {
    "sim": {},
    "sim-no-sftp": {"sftp": False},
    "sim-password": {"login": "password", "password": PASSWORD},
    "sim-no-password": {"login": "none"},
}


@contextlib.contextmanager
def simulated(**changes: Any) -> Iterator[Place]:
    """A simulated board."""
    with SimBoard(SimBoardConfig(**changes)).start() as sim:
        login = sim.config.login
        yield Place(
            config=BoardConfig(
                name="sim",
                host=sim.host,
                own_port=sim.port,
                key=sim.client_key_path if login == "key" else None,
                password_env=PASSWORD_VARIABLE if login == "password" else None,
            ),
            files=sim.root / "customer/deploy",
            root=sim.root,
            sim=sim,
        )
