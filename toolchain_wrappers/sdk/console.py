"""What make and a compiler say: what is being built, and which line tells why it failed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from toolchain_wrappers.profiles import Failure
from toolchain_wrappers.sigmastar.console import plain

_COMPILES = re.compile(r"(?<![\w/.-])(?P<file>[\w./+-]+\.(?:c|cc|cpp|cxx|S|s|o))(?![\w/.-])")
_ERROR = re.compile(
    r"\b(?:fatal )?error\b[: ]|\bundefined reference\b|not found|No such file|make\S*: \*\*\* ", re.IGNORECASE
)
_SURE = re.compile(
    r":\d+(?::\d+)?: (?:fatal )?error: |\b(?:gcc|g\+\+|cc1\w*|collect2): (?:fatal )?error: |make\S*: \*\*\* "
    r"|\bundefined reference to\b|-(?:gcc|g\+\+|ld): (?:(?:command )?not found|No such file)"
)
_CONSEQUENCE = re.compile(r"\*\*\* \[|\*\*\* Waiting|ld returned|compilation terminated|\(ignored\)$")


def source_of(line: str) -> str | None:
    """The source or object that a line is about: of a compiler's command, or of a short `CC x.c`."""
    text = plain(line)
    if " error" in text or "***" in text or "warning:" in text:
        return None
    found = [match["file"] for match in _COMPILES.finditer(text)]
    sources = [name for name in found if not name.endswith(".o")] or found
    return PurePosixPath(sources[0]).name if sources else None


def explain(lines: Iterable[str], failures: Iterable[Failure]) -> tuple[Failure, str] | None:
    """The first line that shows a known failure, and which: what comes after it is often its consequence."""
    known = [(re.compile(failure.pattern), failure) for failure in failures]
    for line in lines:
        text = plain(line)
        for pattern, failure in known:
            if pattern.search(text):
                return failure, text
    return None


def first_error(lines: Iterable[str]) -> str | None:
    """The first line that reads like a cause; else what was said before make gave up, or that it did."""
    before: str | None = None
    gave_up: str | None = None
    for line in lines:
        text = plain(line)
        if _CONSEQUENCE.search(text):
            gave_up = gave_up or before or text
        elif _ERROR.search(text):
            return text
        before = text or before
    return gave_up


def shows_error(lines: Iterable[str]) -> bool:
    """Whether a compiler, linker or make said for certain that something failed, whatever make's exit status."""
    return any(_SURE.search(plain(line)) for line in lines)
