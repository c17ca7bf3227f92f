"""The pytest plugin: `--board NAME` and the fixture `board`, so that a team's own tests run on its boards.

pytest loads this module at every start for everybody who has deploy installed: nothing else is imported before
a test asks for a board.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from deployer.testing import BoardUnderTest

NO_BOARD = "no board named: pytest --board NAME, a board of deploy.yaml or user@host:port"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Our own group in `pytest --help`."""
    group = parser.getgroup("deploy", "tests on boards")
    group.addoption(
        "--board",
        metavar="NAME",
        help="Run tests that need a board on this one: of deploy.yaml, or user@host:port.",
    )
    group.addoption(
        "--deploy-config",
        metavar="PATH",
        type=Path,
        help="The deploy.yaml to use; by default the one found upward from the current directory.",
    )


def pytest_report_header(config: pytest.Config) -> str | None:
    """Which board, where one is named."""
    name = config.getoption("--board")
    return f"deploy: board {name}" if name else None


@pytest.fixture(scope="session")
def board(pytestconfig: pytest.Config) -> BoardUnderTest:
    """The board that `--board` names, with the project of deploy.yaml; the test is skipped without one."""
    name = pytestconfig.getoption("--board")
    if not name:
        pytest.skip(NO_BOARD)
    from deployer.testing import open_board

    return open_board(
        name, config_path=pytestconfig.getoption("--deploy-config"), start=pytestconfig.invocation_params.dir
    )
