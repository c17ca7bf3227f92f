"""Lists of units, and text made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from board_runner.errors import ModelError
from board_runner.models import units


def test_tokens_become_text(tmp_path: Path) -> None:
    """Characters stand close, word pieces with their spaces; lines may come in any order."""
    path = tmp_path / "units.txt"
    path.write_text("北 2\n<blank> 0\n京 1\n\u2581tea 3\nm 4\n\u2581time 5\n\u2028 6\n", encoding="utf-8")
    listed = units.read(path)
    assert ["<blank>", "京", "北"] == listed[:3]
    assert ("北京", "team time", "") == tuple(units.text(one, listed) for one in ((2, 1), (3, 4, 5), ()))
    with pytest.raises(ModelError, match="token 7, the list has 7"):
        units.text([1, 7], listed)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("a 0\nb\n", "line 2: 'b'"),
        ("a 0\nb 0\n", "line 2"),
        ("a 0\nb 2\n", "not 0 to 1"),
        ("", "line 1: ''"),
        ("a \u0663\n", "line 1"),
    ],
)
def test_a_damaged_list_is_refused(tmp_path: Path, written: str, said: str) -> None:
    """By line, or by the numbers that are missing."""
    path = tmp_path / "units.txt"
    path.write_text(written, encoding="utf-8")
    with pytest.raises(ModelError, match=said):
        units.read(path)
    with pytest.raises(ModelError, match="no list of units"):
        units.read(tmp_path)
