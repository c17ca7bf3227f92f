"""Text of others, made fit for any file: clip names, labels and a board's own words may hold any byte."""

from __future__ import annotations

import re

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def legible(text: str) -> str:
    """The text with U+FFFD for every character that XML 1.0 forbids: control characters and lone surrogates."""
    return _ILLEGAL.sub("\ufffd", text)
