"""The three commands of the README, literally, with client and board in namespaces no packet can leave."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.boards import netns


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[netns.RunningBoard]:
    """A simulated board on 192.168.1.10:22."""
    if reason := netns.missing():
        pytest.skip(reason)
    with netns.running_board(tmp_path_factory.mktemp("board")) as running:
        yield running


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose only board is the one at 192.168.1.10."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "deploy.yaml").write_text("boards:\n  desk: {host: 192.168.1.10}\nbench: {runs: 1}\n")
    return folder


def _deploy(board: netns.RunningBoard, project: Path, words: str) -> subprocess.CompletedProcess[str]:
    deploy = Path(sys.executable).with_name("deploy")
    environment = {"DEPLOY_STATE_DIR": str(project / "state")}
    done = board.network.run([deploy, *words.split()], cwd=project, env=environment)
    assert done.returncode == 0, done.stderr
    return done


def test_the_three_commands_do_the_main_job(board: netns.RunningBoard, project: Path) -> None:
    """Convert once; then push by address, a bare bench, and a comparison of three stages."""
    _deploy(board, project, "convert")

    _deploy(board, project, "push --board 192.168.1.10")
    bench = _deploy(board, project, "bench")
    compared = _deploy(board, project, "compare-sim float fixed offline")
    report = json.loads(_deploy(board, project, "report --json").stdout)

    assert (board.root / "customer/deploy/current/models/eat.img").is_file()
    assert 10 == len([s for s in report["record"]["samples"] if not s["warm_up"]])
    assert "real-time factor" in bench.stdout
    assert "offline" in compared.stdout
