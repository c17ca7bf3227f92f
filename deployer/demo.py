"""A project that needs nothing from outside: shipped model and clips, stand-in toolchain, simulated board."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from board_runner.simboard.board import SimBoard, SimBoardConfig
from deployer.errors import ConfigError
from deployer.settings import config
from deployer.settings.config import Deployment

MARK = "# Written by `deploy demo`, anew at every start."


@contextmanager
def project(directory: Path, *, runs: int) -> Iterator[Deployment]:
    """A `deploy.yaml` in `directory` and a simulated board that runs until the block ends.

    Raises ConfigError when the folder holds a project of somebody's own.
    """
    path = directory / config.FILE_NAME
    if path.exists() and not path.read_text(encoding="utf-8").startswith(MARK):
        raise ConfigError(f"{path} was not written by `deploy demo`", hint="give another --out")
    directory.mkdir(parents=True, exist_ok=True)
    with SimBoard(SimBoardConfig(root=directory / "board")).start() as board:
        path.write_text(
            f"{MARK}\n{yaml.safe_dump(_settings(board, runs=runs), sort_keys=False)}", encoding="utf-8"
        )
        yield config.load(path)


def _settings(board: SimBoard, *, runs: int) -> dict[str, object]:
    return {
        "version": 1,
        "chip": board.config.chip,
        "boards": {
            "simulated": {
                "host": board.host,
                "port": board.port,
                "user": board.config.user,
                "key": str(board.client_key_path),
                "host_key": "off",  # a new port at every start: nothing to remember
            }
        },
        "bench": {"runs": runs},
    }
