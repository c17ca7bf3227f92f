"""The inventory: defaults below groups below boards, and every fault shown where it stands."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from deployer.errors import ConfigError
from deployer.fleet import inventory
from deployer.fleet.inventory import Inventory
from deployer.settings import config


def _read(folder: Path, text: str) -> Inventory:
    path = folder / "boards.yaml"
    path.write_text(text, encoding="utf-8")
    return inventory.read(path)


LAYERED = """
defaults:
  user: admin
  port: 2222
  tags: [ours]
  env: {A: default, B: default}
groups:
  rack: {port: 3333, tags: [rack], env: {B: group}, before: [stop app]}
  late: {port: 4444}
boards:
  plain: {host: 10.0.0.1}
  racked: {host: 10.0.0.2, groups: [rack], env: {C: board}}
  both: {host: 10.0.0.3, groups: [rack, late], tags: [mine]}
  own: {host: 10.0.0.4, groups: [rack], port: 22, before: []}
"""


def test_a_board_goes_before_its_groups_and_these_before_the_defaults(tmp_path: Path) -> None:
    """The most special setting wins, a later group goes before an earlier one."""
    boards = _read(tmp_path, LAYERED).boards

    assert {"plain": 2222, "racked": 3333, "both": 4444, "own": 22} == {n: b.port for n, b in boards.items()}
    assert {"admin"} == {board.user for board in boards.values()}
    assert (("stop app",), ()) == (boards["racked"].before, boards["own"].before)


def test_variables_and_tags_add_up_over_the_layers(tmp_path: Path) -> None:
    """A board that sets one variable keeps those of its group; tags are collected, each once."""
    boards = _read(tmp_path, LAYERED).boards

    assert {"A": "default", "B": "group", "C": "board"} == boards["racked"].env
    assert ("ours", "rack", "mine") == boards["both"].tags
    assert ("rack", "late") == boards["both"].groups


def test_a_key_file_is_meant_relative_to_the_inventory(tmp_path: Path) -> None:
    """A command finds it from whatever folder it is started in."""
    boards = _read(tmp_path, "defaults: {key: keys/lab}\nboards:\n  a: {host: h}\n").boards

    assert tmp_path / "keys/lab" == boards["a"].key


def test_nothing_set_means_nothing_changed(tmp_path: Path) -> None:
    """Sections whose every line is commented out are no error, and `jump:` empty takes a default's away."""
    boards = _read(
        tmp_path,
        "defaults: {jump: gate}\ngroups:\n  g:\nboards:\n  a: {host: h, jump: , tags: , groups: [g]}\n",
    ).boards

    assert (None, ()) == (boards["a"].jump, boards["a"].tags)
    assert {} == _read(tmp_path, "boards:\n").boards


@pytest.mark.parametrize(
    ("text", "place", "words", "hint"),
    [
        ("bords: {}\n", ":1:", "unknown key 'bords'", "did you mean 'boards'?"),
        ("defaults:\n  usr: x\n", ":2:", "unknown key 'defaults.usr'", "did you mean 'user'?"),
        ("groups:\n  g:\n    prt: 1\n", ":3:", "unknown key 'groups.g.prt'", "did you mean 'port'?"),
        ("groups:\n  g:\n    port: 0\n", ":3:", "groups.g.port", "configuration"),
        ("groups:\n  g: {groups: [h]}\n", ":2:", "only a board has that", "configuration"),
        ("groups: [a]\n", ":1:", "groups holds a list", "configuration"),
        ("boards:\n  a: 10.0.0.1\n", ":2:", "boards.a holds a str", "configuration"),
        ("boards:\n  7: {host: h}\n", ":2:", "a name, not a number", "'7'"),
        ("boards:\n  a b: {host: h}\n", ":2:", "'a b' cannot be a board's name", "tag"),
        ("boards:\n  a: {host: h, name: b}\n", ":2:", "boards.a.name", "'a'"),
        ("boards:\n  a: {host: h, places: {x: rel}}\n", ":2:", "absolute path", "configuration"),
        ("groups: {rack: }\nboards:\n  a: {host: h, groups: [rak]}\n", ":3:", "no group 'rak'", "'rack'"),
        ("boards:\n  a: {host: h, groups: [rack]}\n", ":2:", "no group 'rack'", "groups: {rack: }"),
    ],
)
def test_a_fault_is_shown_with_its_place_and_cure(
    tmp_path: Path, text: str, place: str, words: str, hint: str
) -> None:
    """File, line, key and the nearest known one, in a group that no board uses too."""
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, text)

    assert f"{tmp_path / 'boards.yaml'}{place}" in str(caught.value)
    assert words in str(caught.value)
    assert hint in caught.value.hint


def test_deploy_yaml_names_a_file_of_boards_and_may_have_its_own(tmp_path: Path) -> None:
    """Both are one inventory; defaults stay with the file they stand in."""
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab/boards.yaml").write_text("defaults: {user: lab}\nboards:\n  far: {host: h}\n")
    (tmp_path / "deploy.yaml").write_text(
        "inventory: lab/boards.yaml\nboard_defaults: {directory: /tmp/d}\nboard_groups: {g: {chip: maruko}}\n"
        "boards:\n  desk: {host: h, groups: [g]}\ndefault_board: far\n"
    )

    found = config.load(tmp_path / "deploy.yaml")

    assert ["desk", "far"] == list(found.boards)
    assert ("root", "lab", ("g",)) == (found.boards["desk"].user, found.boards["far"].user, found.groups)
    assert PurePosixPath("/tmp/d") == found.boards["desk"].directory
    assert ("maruko", "far") == (found.boards["desk"].chip, found.board(None).name)


def test_a_board_in_two_files_is_refused(tmp_path: Path) -> None:
    """Which of the two is meant would be a guess."""
    (tmp_path / "boards.yaml").write_text("boards:\n  desk: {host: h}\n")
    (tmp_path / "deploy.yaml").write_text("inventory: boards.yaml\nboards:\n  desk: {host: h}\n")

    with pytest.raises(ConfigError, match=r"'desk' is in .* and in the inventory"):
        config.load(tmp_path / "deploy.yaml")


def test_a_missing_inventory_file_is_named(tmp_path: Path) -> None:
    """The message has the path, the hint the key that names it."""
    (tmp_path / "deploy.yaml").write_text("inventory: none.yaml\n")

    with pytest.raises(ConfigError) as caught:
        config.load(tmp_path / "deploy.yaml")

    assert str(tmp_path / "none.yaml") in str(caught.value)
    assert "inventory:" in caught.value.hint
