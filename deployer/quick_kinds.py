"""Kinds of settings, by the text of their annotation: values that are plainly right, without pydantic.

Each gives the value that pydantic would give, or raises Unsure: never an opinion that something is wrong. The
functions with words in them are pydantic's validators too (`checked_kinds`).
"""

from __future__ import annotations

import ast
import functools
import math
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Unsure(Exception):
    """Not plainly right: pydantic has to look."""


def value(kind: str, given: Any) -> Any:
    """What pydantic would make of `given` for a field of this kind. Raises Unsure."""
    if kind.endswith(" | None") and given is None:
        return None
    kind = kind.removesuffix(" | None")
    try:
        if kind.startswith("Literal["):
            return _one_of(kind, given)
        return KINDS[kind](given)
    except (KeyError, TypeError, ValueError) as e:
        raise Unsure from e


def host_name(given: str) -> str:
    """A host. Raises ValueError for what `ssh` would take for something else."""
    if given.startswith("-") or re.search(r"[\s@/]", given):
        raise ValueError("a host name or IP address, without user, port or blanks")
    return given


def board_path(given: PurePosixPath) -> PurePosixPath:
    """A place on a board for files of ours. Raises ValueError."""
    if not given.is_absolute() or ".." in given.parts or len(given.parts) < 2:
        raise ValueError("an absolute path on the board below `/`, without `..`")
    if any(c in str(given) for c in "\n\r\t\0"):
        raise ValueError("a path without line breaks and tabs")
    return given


def board_paths(given: dict[str, PurePosixPath]) -> dict[str, PurePosixPath]:
    """Pattern -> place. Raises ValueError."""
    return {pattern: board_path(place) for pattern, place in given.items()}


def variable_name(given: str) -> str:
    """The name of an environment variable. Raises ValueError."""
    if not _VARIABLE.match(given):
        raise ValueError("the NAME of an environment variable (never the password itself)")
    return given


def environment(given: dict[str, str]) -> dict[str, str]:
    """Variables and their values. Raises ValueError."""
    for name, text in given.items():
        if not _VARIABLE.match(name) or "\0" in text:
            raise ValueError(f"{name!r} is not a name for an environment variable")
    return given


def chip_name(given: str) -> str | None:
    """As the toolchain writes chips; None for a blank."""
    return given.strip().lower() or None


def absolute(given: PurePosixPath) -> PurePosixPath:
    """Raises ValueError for a relative path."""
    if not given.is_absolute():
        raise ValueError("an absolute path on the board, such as /customer/prog_dla_dla_simulator")
    return given


def _text(given: Any) -> str:
    if type(given) is not str:
        raise Unsure
    given.encode()  # a lone surrogate is a ValueError
    return given


def _full_text(given: Any) -> str:
    if not given:
        raise Unsure
    return _text(given)


def _flag(given: Any) -> bool:
    if type(given) is not bool:
        raise Unsure
    return given


def _path(given: Any) -> Path:
    return given if isinstance(given, Path) else Path(_text(given))


def _posix_path(given: Any) -> PurePosixPath:
    return given if isinstance(given, PurePosixPath) else PurePosixPath(_text(given))


def _texts(given: Any) -> list[str]:
    if type(given) is not list:
        raise Unsure
    return [_text(item) for item in given]


def _mapping(given: Any, inside: Callable[[Any], Any]) -> dict[str, Any]:
    if type(given) is not dict:
        raise Unsure
    return {_text(key): inside(item) for key, item in given.items()}


def _labels(given: Any) -> str | list[str]:
    return _texts(given) if type(given) is list else _text(given)


def _integer(least: int, most: float) -> Callable[[Any], int]:
    def check(given: Any) -> int:
        if type(given) is not int or not least <= given <= most:
            raise Unsure
        return given

    return check


def _number(least: float, most: float, *, open_below: bool = False) -> Callable[[Any], float]:
    def check(given: Any) -> float:
        if type(given) not in (int, float) or not least <= given <= most or (open_below and given == least):
            raise Unsure
        return float(given)

    return check


def _one_of(kind: str, given: Any) -> Any:
    for known in _choices(kind):
        if type(known) is type(given) and known == given:
            return given
    raise Unsure


@functools.cache
def _choices(kind: str) -> tuple[Any, ...]:
    choices: tuple[Any, ...] = ast.literal_eval(f"({kind.removeprefix('Literal[').removesuffix(']')},)")
    return choices


KINDS: dict[str, Callable[[Any], Any]] = {
    "Any": lambda given: given,
    "str": _text,
    "bool": _flag,
    "Path": _path,
    "tuple[str, ...]": lambda given: tuple(_texts(given)),
    "dict[str, Any]": lambda given: _mapping(given, lambda item: item),
    "str | Path | list[str]": _labels,
    "FullText": _full_text,
    "HostName": lambda given: host_name(_full_text(given)),
    "Port": _integer(1, 65535),
    "AtLeastOne": _integer(1, math.inf),
    "AtLeastNone": _integer(0, math.inf),
    "Positive": _number(0, math.inf, open_below=True),
    "Cosine": _number(-1, 1),
    "Distance": _number(0, math.inf),
    "Share": _number(0, 1),
    "BoardPath": lambda given: board_path(_posix_path(given)),
    "BoardPaths": lambda given: board_paths(_mapping(given, _posix_path)),
    "AbsolutePath": lambda given: absolute(_posix_path(given)),
    "VariableName": lambda given: variable_name(_text(given)),
    "Environment": lambda given: environment(_mapping(given, _text)),
    "ChipName": lambda given: chip_name(_text(given)),
}
