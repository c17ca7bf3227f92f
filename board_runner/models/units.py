"""From token numbers to text: the list of units that a recogniser was trained with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from board_runner.errors import ModelError

SPACE = "\u2581"
"""What word pieces write for a space."""


def read(path: Path) -> list[str]:
    """Units by number from a file of `unit number` lines, in any order, every number from 0 once.

    Raises ModelError for a file that cannot be read or is no such list.
    """
    try:
        # Only line feeds end a line: other separators of Unicode may be units.
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as e:
        raise ModelError(f"{path}: no list of units: {e}") from e
    numbered: dict[int, str] = {}
    for at, line in enumerate(lines, start=1):
        unit, _, number = line.rpartition(" ")
        if not unit or not (number.isascii() and number.isdigit()) or int(number) in numbered:
            raise ModelError(
                f"{path}, line {at}: {line[:40]!r}, wants a unit, a space and a number of its own"
            )
        numbered[int(number)] = unit
    if set(numbered) != set(range(len(numbered))):
        raise ModelError(f"{path}: {len(numbered)} units whose numbers are not 0 to {len(numbered) - 1}")
    return [numbered[number] for number in range(len(numbered))]


def text(tokens: Iterable[int], units: Sequence[str]) -> str:
    """The units one after the other, spaces where word pieces have them.

    Raises ModelError for a token that the list does not have.
    """
    listed = list(tokens)
    foreign = [token for token in listed if not 0 <= token < len(units)]
    if foreign:
        raise ModelError(f"token {foreign[0]}, the list has {len(units)} units")
    return "".join(units[token] for token in listed).replace(SPACE, " ").strip()
