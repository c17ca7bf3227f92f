"""Every `deploy` command that the README shows is run as it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from deployer import cli, demo, on_board, resources
from deployer.project import Project
from deployer.push import BoardFile
from deployer.settings.config import Deployment

README = Path(__file__).parent.parent / "README.md"

ELSEWHERE = {
    "deploy push --board 192.168.1.10": "tests/boards/test_board_netns.py: needs that address",
    "deploy init --board root@192.168.1.10 --chip pcupid --yes": "test_init_writes_a_file_that_deploy_reads",
    "deploy export --checkpoint outputs/r1": "tests/export: needs PyTorch",
    "deploy train sounds": "tests/training: needs PyTorch",
    "deploy board emulate": "tests/emulator: boots a machine, and runs until it is stopped",
    "deploy fold": "tests/folding: needs a model that has batch normalisation",
    "deploy build": "tests/building: needs a compiler",
    "deploy board sim": "test_cli_board.py: runs until it is stopped",
    "deploy serve": "tests/serving: runs until it is stopped",
    "deploy watch": "tests/serving: runs until it is stopped",
}
STANDS_FOR = {"CLIP": "5-203128-A-0_22.05k.wav", "LOG": "board.log"}


def _commands() -> list[str]:
    text = README.read_text(encoding="utf-8")
    spans = re.findall(r"`(deploy [^`]+)`", text) + re.findall(r"^    (deploy .+)$", text, flags=re.MULTILINE)
    return list(dict.fromkeys(command.strip() for command in spans))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A demo project with recordings and a log beside it."""
    folder = tmp_path_factory.mktemp("readme")
    with demo.project(folder, runs=1) as deployment:
        (folder / "recordings").mkdir()
        shutil.copy(resources.data_dir() / "clips" / STANDS_FOR["CLIP"], folder / "recordings")
        log = Path(__file__).parent / "transcripts" / "eat_pcupid_seed_raw.txt"
        shutil.copy(log, folder / STANDS_FOR["LOG"])
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            assert 0 == cli.execute(["convert", "-q"])
            assert 0 == cli.execute(["run", STANDS_FOR["CLIP"], "-q"])  # something to look back at
            # something to roll back to
            note = BoardFile(source=README, name=PurePosixPath("note"))
            on_board.push(Project(deployment), deployment.board(None), files=[note])
        yield deployment


@pytest.mark.parametrize("command", [c for c in _commands() if c not in ELSEWHERE])
def test_a_command_of_the_readme_runs(
    command: str, project: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a newcomer types first works."""
    monkeypatch.chdir(project.root)
    words = [STANDS_FOR.get(word, word) for word in shlex.split(command)[1:]]

    assert 0 == cli.execute(words)


def test_the_readme_has_no_command_that_nobody_runs() -> None:
    """What is run elsewhere is still in the README."""
    assert set(ELSEWHERE) <= set(_commands())


def test_init_writes_a_file_that_deploy_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The written deploy.yaml loads, and is not replaced unasked."""
    monkeypatch.chdir(tmp_path)

    assert 0 == cli.execute(["init", "--board", "root@192.168.1.10", "--chip", "pcupid", "--yes"])
    assert 0 == cli.execute(["board", "list"])
    assert 2 == cli.execute(["init", "--yes"])


def test_init_asks_what_no_flag_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Five questions, each with a default."""
    import io

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("pi@10.0.0.7:2222\nmaruko\n\n\n\n"))

    assert 0 == cli.execute(["init"])
    capsys.readouterr()
    assert 0 == cli.execute(["board", "list", "--json"])
    assert '"address": "pi@10.0.0.7:2222"' in capsys.readouterr().out
