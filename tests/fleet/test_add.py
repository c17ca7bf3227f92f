"""A board is added to a YAML file without touching another byte."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml

from board_runner.errors import UsageError
from deployer.errors import ConfigError
from deployer.fleet import add
from deployer.fleet.add import add_board
from deployer.settings import config

FIELDS = {"host": "10.0.0.9", "port": 2222, "groups": ["rack"], "chip": ""}
NEW = '  new:\n    host: "10.0.0.9"\n    port: 2222\n'
BLOCK = f"{NEW}    groups: [rack]\n"


def _added(folder: Path, text: str, *, name: str = "new", file: str = "deploy.yaml") -> str:
    path = folder / file
    path.write_bytes(text.encode())
    add_board(config.load(folder / "deploy.yaml"), name, {**FIELDS, "groups": []}, folder=folder)
    return path.read_bytes().decode()


FOLDED = "  b:\n    host: h\n    before:\n    - >\n      one\n      two\n\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"boards:\n{NEW}"),
        ("chip: maruko", f"chip: maruko\nboards:\n{NEW}"),
        (
            "boards:  # ours\n  # a:\nchip: maruko  # x\n",
            f"boards:  # ours\n{NEW}  # a:\nchip: maruko  # x\n",
        ),
        ("boards: {}  # none\n", f"boards:  # none\n{NEW}"),
        ("boards: null\n", f"boards:\n{NEW}"),
        (
            "boards:\n  a:\n        host: h   # the first\n\n# the rest\nchip: maruko\n",
            f"boards:\n  a:\n        host: h   # the first\n{NEW}\n# the rest\nchip: maruko\n",
        ),
        (f"boards:\n  a: {{host: h,\n   tags: [x]}} # flow\n{FOLDED}chip: x\n", None),
        ("boards: {a: {host: h},}\n", 'boards: {a: {host: h}, "new": {"host": "10.0.0.9", "port": 2222},}\n'),
        ('{"chip": "maruko"}', '{"chip": "maruko", "boards": {"new": {"host": "10.0.0.9", "port": 2222}}}'),
        ('{"boards": {}}', '{"boards": {"new": {"host": "10.0.0.9", "port": 2222}}}'),
        (
            "boards:\n  a:\n    host: h\n    # key: k\n    # tags: [x]\n  # b:\n\nchip: maruko\n",
            f"boards:\n  a:\n    host: h\n    # key: k\n    # tags: [x]\n{NEW}  # b:\n\nchip: maruko\n",
        ),
        ("boards:\n  a:\n    host: h\n    # last", f"boards:\n  a:\n    host: h\n    # last\n{NEW}"),
        ("boards:\r\n  a: {host: h}\r\n", "boards:\r\n  a: {host: h}\r\n" + NEW.replace("\n", "\r\n")),
    ],
)
def test_the_board_is_the_only_change(tmp_path: Path, before: str, after: str | None) -> None:
    """Comments, order, quotes, indentation and line ends stay; the file reads back with the board."""
    if after is None:
        after = before.replace("chip", f"{NEW}chip")
    assert after == _added(tmp_path, before)
    assert "10.0.0.9" == config.load(tmp_path / "deploy.yaml").boards["new"].host


def test_boards_are_added_one_after_the_other(tmp_path: Path) -> None:
    """Fifty additions, each one piece in one place; names that YAML reads as something else are quoted."""
    names = ["on", "no", "1e3", "0x1f", "ü-1", *(f"b{n}" for n in range(45))]
    random.Random(1).shuffle(names)
    text = "# mine\nboards:\n  first: {host: h} # here\n  # more to come\n\nchip: maruko\n"

    for name in names:
        previous, text = text, _added(tmp_path, text, name=name)
        grown = len(text) - len(previous)
        assert any(previous == text[:at] + text[at + grown :] for at in range(len(previous) + 1))
    assert ["first", *names] == list(config.load(tmp_path / "deploy.yaml").boards)


def test_without_a_file_one_is_made(tmp_path: Path) -> None:
    """The first board of a new project needs no `deploy init`."""
    path = add_board(config.load(None, start=tmp_path), "new", {"host": "h"}, folder=tmp_path)

    assert tmp_path / "deploy.yaml" == path
    assert "version: 1\nboards:\n  new:\n    host: h\n" == path.read_text()


def test_a_board_goes_into_the_inventory_file_where_there_is_one(tmp_path: Path) -> None:
    """deploy.yaml stays as it is; the file keeps its mode."""
    (tmp_path / "deploy.yaml").write_text("inventory: boards.yaml\n")
    (tmp_path / "boards.yaml").write_text("groups: {rack: }\n")
    (tmp_path / "boards.yaml").chmod(0o600)

    add_board(config.load(tmp_path / "deploy.yaml"), "new", FIELDS, folder=tmp_path)

    assert "inventory: boards.yaml\n" == (tmp_path / "deploy.yaml").read_text()
    assert "groups: {rack: }\nboards:\n" + BLOCK == (tmp_path / "boards.yaml").read_text()
    assert 0o600 == (tmp_path / "boards.yaml").stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("text", "name", "fields", "words"),
    [
        ("boards:\n  new: {host: h}\n", "new", FIELDS, "there is a board 'new' already"),
        ("boards:\n  a: {host: h}\n", "new", FIELDS, "no group 'rack'"),
        ("boards:\n  a: {host: h}\n", "a b", {"host": "h"}, "cannot be a board's name"),
        ("boards:\n  a: {host: h}\n", "new", {"host": "h", "port": 70000}, "boards.new.port"),
        ("boards: &b\n  a: {host: h}\nchip: maruko\n...\n", "new", {"host": "h"}, ""),
        ("a: &x {host: h}\n", "new", {"host": "h"}, "unknown key 'a'"),
        ("chip: maruko\n...\n", "new", {"host": "h"}, "without touching other lines"),
    ],
)
def test_what_cannot_be_added_leaves_the_file_alone(
    tmp_path: Path, text: str, name: str, fields: dict[str, object], words: str
) -> None:
    """A taken name, a setting that does not hold, a file of a form nobody foresaw: refused, and nothing is left."""
    path = tmp_path / "deploy.yaml"
    path.write_text(text)
    if not words:
        add_board(config.load(path), name, fields, folder=tmp_path)
        assert {"a", "new"} == set(yaml.safe_load(path.read_text())["boards"])
        return

    with pytest.raises((UsageError, ConfigError)) as caught:
        add_board(config.load(path), name, fields, folder=tmp_path)

    assert words in str(caught.value)
    assert ".deploy.yaml." not in str(caught.value)
    assert text == path.read_text()
    assert [path] == list(tmp_path.iterdir())


def test_a_block_that_ends_the_file_without_a_line_break_is_continued(tmp_path: Path) -> None:
    """The last line of a file need not be whole."""
    assert "boards:\n  a:\n    host: h\n" + BLOCK == add.insert(
        "boards:\n  a:\n    host: h", "boards", "new", {key: value for key, value in FIELDS.items() if value}
    )
