"""deploy.yaml: found, checked, and complained about with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer import labels
from deployer.errors import ConfigError, MissingArtifact
from deployer.project import Project
from deployer.settings import config
from deployer.settings.config import ModelSection


def _write(folder: Path, text: str) -> Path:
    path = folder / "deploy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_is_found_upward_from_the_current_directory(tmp_path: Path) -> None:
    """A command works from anywhere inside the project."""
    _write(tmp_path, "chip: maruko\n")
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)

    found = config.load(None, start=deep)

    assert found.settings.chip == "maruko"
    assert tmp_path.resolve() == found.root


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    """A first `deploy` in an empty folder is no error."""
    assert config.load(None, start=tmp_path).path is None


@pytest.mark.parametrize(
    ("text", "place", "words", "hint"),
    [
        ("version: 1\nchp: pcupid\n", ":2:", "unknown key 'chp'", "did you mean 'chip'?"),
        ("bench:\n  runs: 3\n  rusn: 4\n", ":3:", "unknown key 'bench.rusn'", "did you mean 'runs'?"),
        ("bench:\n  runs: none\n", ":2:", "bench.runs", "configuration"),
        ("bench:\n  runs: 0\n", ":2:", "must be a whole number >= 1 (it is 0)", "configuration"),
        ("boards:\n  desk:\n    hots: 10.0.0.1\n", ":3:", "boards.desk.hots", "did you mean 'host'?"),
        ("boards:\n  desk:\n    user: root\n", ":2:", "boards.desk.host", "configuration"),
        ("boards:\n  d:\n    host: h\n    directory: tmp\n", ":4:", "absolute path", "configuration"),
        ("chip: a\nchip: b\n", ":2:", "there twice", ""),
        ("chip: [\n", ":2:", "not valid YAML", ""),
        ('chip: p\nmodel: {name: "\\ud800"}\n', ":2:", "is no text", ""),
        ("- a\n", ":1:", "not keys and values", ""),
        ("default_board: desk\n", ":1:", "not one of the boards", "none"),
        ("version: 2\n", ":1:", "version", ""),
    ],
)
def test_a_complaint_names_file_line_key_and_cure(
    tmp_path: Path, text: str, place: str, words: str, hint: str
) -> None:
    """Every kind of mistake is shown where it stands."""
    path = _write(tmp_path, text)

    with pytest.raises(ConfigError) as caught:
        config.load(path)

    assert f"{path}{place}" in str(caught.value)
    assert words in str(caught.value)
    assert hint in caught.value.hint


def test_the_only_board_needs_no_naming_and_several_do(tmp_path: Path) -> None:
    """Without --board there is one answer or a list."""
    one = config.load(_write(tmp_path, "boards:\n  desk: {host: h}\n"))
    two = config.load(_write(tmp_path, "boards:\n  desk: {host: h}\n  lab: {host: g}\n"))
    default = config.load(
        _write(tmp_path, "default_board: lab\nboards:\n  desk: {host: h}\n  lab: {host: g}\n")
    )

    assert one.board(None).name == "desk"
    assert default.board(None).name == "lab"
    with pytest.raises(ConfigError) as caught:
        two.board(None)
    assert "desk, lab" in caught.value.hint


def test_a_board_may_be_an_address(tmp_path: Path) -> None:
    """--board takes what is not in the inventory, too."""
    board = config.load(None, start=tmp_path).board("pi@10.0.0.7:2222")

    assert (board.user, board.host, board.port) == ("pi", "10.0.0.7", 2222)


def test_labels_are_packaged_a_list_or_a_file(tmp_path: Path) -> None:
    """Every form of `labels:` gives names by id."""
    (tmp_path / "own.txt").write_text("yes\nno\n", encoding="utf-8")

    assert labels.load(ModelSection(), tmp_path)[32] == "keyboard_typing"
    assert labels.load(ModelSection(labels=["a", "b"]), tmp_path) == ["a", "b"]
    assert labels.load(ModelSection(labels="own.txt"), tmp_path) == ["yes", "no"]
    with pytest.raises(ConfigError):
        labels.load(ModelSection(labels="none"), tmp_path)


def test_an_id_is_shown_with_its_name() -> None:
    """`32 keyboard_typing`, a bare number without a name, a dash for nothing."""
    assert labels.shown(1, ["a", "b"]) == "1 b"
    assert labels.shown(7, ["a", "b"]) == "7"
    assert labels.shown(None, ["a"]) == "-"


def test_only_the_shipped_model_needs_no_file_named(tmp_path: Path) -> None:
    """Another model without checkpoint and ONNX is refused, never taken for the network that comes with us."""
    (tmp_path / "deploy.yaml").write_text("model: {name: kws}\n")

    with pytest.raises(MissingArtifact, match="no ONNX model for kws"):
        _ = Project(config.load(tmp_path / "deploy.yaml")).onnx
