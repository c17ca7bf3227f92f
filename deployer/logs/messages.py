"""What board programs, the IPU library, the shell and the kernel say when something fails, put in words.

The phrases, the error numbers and the cures are data: `configs/boards/messages.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from deployer import resources
from deployer.settings import yaml_source

_NUMBER = r"(?P<code>-?(?:0[xX][0-9a-fA-F]+|\d+))"
_TAGGED = r"(?P<code>0[xX][aA]0[0-9a-fA-F]{6}|-1(?:59|60|61)\d{7})(?!\w)"

_TAG, _TAG_BITS = 0xA0, 24
_MODULE_BITS, _LEVEL_BITS = 16, 12
_IPU = "IPU"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A failure that was recognised: what was said, in words, and what may cure it."""

    message: str
    hint: str = ""

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The phrases of the data file, compiled; error numbers lead to words and a hint."""

    own: re.Pattern[str]
    lines: tuple[tuple[re.Pattern[str], str], ...]
    kernel: tuple[tuple[re.Pattern[str], str], ...]
    ipu_errors: Mapping[int, Failure]
    mi_errors: Mapping[int, Failure]
    modules: Mapping[int, str]
    levels: Mapping[int, str]


def find(text: str) -> Failure | None:
    """The failure in `text` that comes first; our own program's words go before its vendor-like line."""
    known = tables()
    if match := known.own.search(text):
        return Failure(message=match["words"].strip())
    return _first(text, known.lines)


def find_kernel(text: str) -> Failure | None:
    """The first line of a kernel log that explains a failed run."""
    return _first(text, tables().kernel)


def in_words(code: int, *, ipu: bool = True) -> Failure | None:
    """A vendor's error number, and its cure if there is one; None for a number that is not known.

    A number may be bare, negative, or carry its module: 0xA0MMLEEE. The errors of the IPU have a table of their
    own, which holds for bare numbers too where the IPU (`ipu`) was spoken of.
    """
    known = tables()
    tagged = code & 0xFFFFFFFF
    if tagged >> _TAG_BITS != _TAG:
        return (known.ipu_errors.get(code) or known.ipu_errors.get(-code)) if ipu else None
    module = known.modules.get(tagged >> _MODULE_BITS & 0xFF, f"module {tagged >> _MODULE_BITS & 0xFF}")
    level = known.levels.get(tagged >> _LEVEL_BITS & 0xF, "error")
    number = tagged & 0xFFF
    if (ipu or module == _IPU) and number in known.ipu_errors:
        return known.ipu_errors[number]
    words = known.mi_errors.get(number)
    said = words.message if words else f"number {number}"
    return Failure(message=f"{level} of {module}: {said}", hint=words.hint if words else "")


@cache
def tables() -> Tables:
    """The data file, read once. Raises ConfigError."""
    data = yaml_source.read(resources.configs_dir() / "boards" / "messages.yaml").data
    hints: dict[str, str] = data["hints"]
    return Tables(
        own=re.compile(data["own"]),
        lines=_patterns(data["lines"], hints),
        kernel=_patterns(data["kernel"], hints),
        ipu_errors=_errors(data["ipu_errors"], hints),
        mi_errors=_errors(data["mi"]["errors"], hints),
        modules=data["mi"]["modules"],
        levels=data["mi"]["levels"],
    )


def _patterns(
    entries: list[dict[str, str]], hints: Mapping[str, str]
) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (
            re.compile(entry["pattern"].replace("NUMBER", _NUMBER).replace("TAGGED", _TAGGED)),
            hints[entry["hint"]] if "hint" in entry else "",
        )
        for entry in entries
    )


def _errors(entries: Mapping[int, Any], hints: Mapping[str, str]) -> dict[int, Failure]:
    return {
        number: Failure(message=said)
        if isinstance(said, str)
        else Failure(message=said["words"], hint=hints[said["hint"]])
        for number, said in entries.items()
    }


def _first(text: str, patterns: tuple[tuple[re.Pattern[str], str], ...]) -> Failure | None:
    hits = [(match, hint) for pattern, hint in patterns if (match := pattern.search(text))]
    if not hits:
        return None
    match, hint = min(hits, key=lambda hit: hit[0].start())
    return _failure(match, hint)


def _failure(match: re.Match[str], hint: str) -> Failure:
    said = match.group().strip()
    written = match.groupdict().get("code")
    if not written:
        return Failure(message=said, hint=hint)
    code = int(written, 0) if "x" in written.lower() else int(written)
    other = re.search(r"\bmi_(?!ipu)[a-z]+_", said, re.IGNORECASE)
    tagged_alone = said == written
    words = in_words(code, ipu=other is None and not tagged_alone)
    return (
        Failure(message=f"{said} ({words})", hint=words.hint or hint)
        if words
        else Failure(message=said, hint=hint)
    )
