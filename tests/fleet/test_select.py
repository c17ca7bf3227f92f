"""Which boards a request means, and what it says when it means none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from board_runner.errors import UsageError
from deployer.fleet.select import Selection, select
from deployer.settings import config
from deployer.settings.config import Deployment

BOARDS = """
default_board: desk
board_groups: {rack: , spare: }
boards:
  desk: {host: h, tags: [eu]}
  rack-1: {host: h, groups: [rack], tags: [eu]}
  rack-2: {host: h, groups: [rack]}
  rack-10: {host: h, groups: [rack]}
"""


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """Four boards, a group with members and one without."""
    (tmp_path / "deploy.yaml").write_text(BOARDS)
    return config.load(tmp_path / "deploy.yaml")


@pytest.mark.parametrize(
    ("asked", "names", "many"),
    [
        ({}, "desk", False),
        ({"boards": ("rack-2",)}, "rack-2", False),
        ({"boards": ("rack-2", "desk")}, "rack-2 desk", True),
        ({"boards": ("root@10.0.0.9:2022",)}, "root@10.0.0.9:2022", False),
        ({"groups": ("rack",)}, "rack-1 rack-2 rack-10", True),
        ({"tags": ("eu",)}, "desk rack-1", True),
        ({"boards": ("rack-10",), "tags": ("eu",)}, "rack-10 desk rack-1", True),
        ({"every": True}, "desk rack-1 rack-2 rack-10", True),
        ({"every": True, "limit": "2"}, "desk rack-1", True),
        ({"limit": "rack-?"}, "rack-1 rack-2", True),
        ({"groups": ("rack",), "limit": "*1*"}, "rack-1 rack-10", True),
        ({"groups": ("rack",), "tags": ("eu",), "limit": "desk"}, "desk", True),
    ],
)
def test_names_groups_and_tags_add_boards_and_a_limit_narrows_them(
    deployment: Deployment, asked: dict[str, Any], names: str, many: bool
) -> None:
    """Each board once; several asked for means a list, even where one is left."""
    selection = Selection(**asked)

    assert names == " ".join(board.name for board in select(deployment, selection))
    assert many is selection.many


@pytest.mark.parametrize(
    ("asked", "words", "hint"),
    [
        ({"groups": ("rak",)}, "no group 'rak'", "did you mean 'rack'?"),
        ({"groups": ("zzz",)}, "no group 'zzz'", "known: rack, spare"),
        ({"groups": ("spare",)}, "no board is in group 'spare'", "groups: [spare]"),
        ({"tags": ("us",)}, "no tag 'us'", "known: eu"),
        ({"every": True, "limit": "lab-*"}, "no board left with --limit 'lab-*'", "desk, rack-1"),
        ({"boards": ("rack-3",)}, "no board 'rack-3'", "root@rack-3"),
        ({"boards": ("a b", "desk")}, "'a b' is not the address of a board", "user@host:port"),
    ],
)
def test_what_matches_nothing_is_refused_with_the_known_names(
    deployment: Deployment, asked: dict[str, Any], words: str, hint: str
) -> None:
    """A misspelt group never means no boards at all."""
    with pytest.raises(UsageError) as caught:
        select(deployment, Selection(**asked))

    assert words in str(caught.value)
    assert hint in caught.value.hint


def test_all_of_no_boards_is_refused(tmp_path: Path) -> None:
    """A pipeline that lost its inventory must not pass for having pushed to every board."""
    with pytest.raises(UsageError, match="no board known"):
        select(config.load(None, start=tmp_path), Selection(every=True))
