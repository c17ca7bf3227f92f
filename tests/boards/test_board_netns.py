"""A board at its factory address, inside network namespaces that no packet can leave."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.boards import netns

PUSH = """
import sys
from pathlib import Path, PurePosixPath
from deployer.board.config import parse_address
from deployer.board.ssh import SshBoard
from deployer.push import BoardFile, push

config = parse_address("192.168.1.10")
with SshBoard(config) as board:
    file = BoardFile(source=Path(sys.argv[1]), name=PurePosixPath("models/eat.img"))
    for _ in range(2):
        print(push(board, [file], config.directory).bytes)
"""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[netns.RunningBoard]:
    """A board on 192.168.1.10:22."""
    if reason := netns.missing():
        pytest.skip(reason)
    with netns.running_board(tmp_path_factory.mktemp("netns")) as running:
        yield running


def test_a_bare_address_reaches_root_without_password(board: netns.RunningBoard, tmp_path: Path) -> None:
    """`192.168.1.10` alone is enough: port 22, root, no password; a second push sends nothing."""
    (tmp_path / "eat.img").write_bytes(b"model" * 1000)
    done = board.network.run(
        [sys.executable, "-c", PUSH, tmp_path / "eat.img"], env={"DEPLOY_STATE_DIR": str(tmp_path / "state")}
    )

    assert ("5000\n0\n", 0) == (done.stdout, done.returncode), done.stderr
    assert b"model" * 1000 == (board.root / "customer/deploy/current/models/eat.img").read_bytes()


def test_nothing_leads_out_of_the_namespaces(board: netns.RunningBoard) -> None:
    """The client knows the board's network and no other: no default route."""
    routes = board.network.run(["ip", "route"]).stdout.splitlines()

    assert 1 == len(routes) and routes[0].startswith("192.168.1.0/24")
