"""`deploy init` from flags: what is given stands in the file, as it will be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer import cli
from deployer.settings import config

INIT = ["init", "--yes", "--board", "root@192.168.1.10:2222"]


@pytest.mark.parametrize(("given", "meant"), [("keys/id", "keys/id"), ("~/.ssh/id", "~/.ssh/id")])
def test_a_key_is_the_boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, meant: str) -> None:
    """A relative path counts from where the command is typed, not from where the file goes; `~` stays."""
    monkeypatch.chdir(tmp_path)
    assert 0 == cli.execute([*INIT, "--key", given, "--dir", "project"])

    board = config.load(tmp_path / "project/deploy.yaml").board(None)
    wanted = tmp_path / meant if meant[0] != "~" else Path(meant)
    assert board.key is not None
    assert wanted.expanduser() == board.key.expanduser()
    assert 2222 == board.port


def test_a_key_without_a_board_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would be in no place of the file: nothing is written."""
    monkeypatch.chdir(tmp_path)

    assert 2 == cli.execute(["init", "--yes", "--key", "id"])
    assert "--board" in capsys.readouterr().err
    assert not (tmp_path / "deploy.yaml").exists()
