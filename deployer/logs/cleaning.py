"""A serial, telnet or SSH log made readable: bytes to text, without what the kernel wrote in between."""

from __future__ import annotations

import re

KEYS = (
    r"(?<![A-Za-z_-])(?:inputs:|model path:|threshold:|unknown element format|found \d+ images!"
    r"|the input image:|model invoke time:|post process time:|class id:"
    r"|embedding(?: \d+)?: |first chunk time:|tokens \d+: |transcript: )"
)
"""Where a line of the board program begins; a log pasted without line breaks has no other mark."""

_ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78cM])")
_STAMP = r"(?:\[ *\d+\.\d{6}\] ?)?"
_KERNEL = (
    # Also in the middle of a program's line, and then with the line break that belongs to the kernel.
    re.compile(rf"{_STAMP}client \[\d+\] (?:dis)?connected,\s*module:(?:ipu|\w+)\n?"),
    re.compile(rf"{_STAMP}-{{6}}shutdown IPU\d+-{{6}}\n?"),
    re.compile(rf"{_STAMP}collect channel\d+'s resource\n?"),
    re.compile(r"\[emac_phy_link_adjust\] EMAC Link (?:Up|Down) ?\n?"),
    re.compile(rf"\[ *\d+\.\d{{6}}\] (?:(?!{KEYS})[^\n])*\n"),
    re.compile(r"MI_DEVICE_Connect: refcnt:\d+\n?"),
)


def readable(log: str | bytes) -> str:
    """Text with `\\n` alone, no terminal control, no kernel lines; undecodable bytes become U+FFFD."""
    text = log.decode("utf-8", "replace") if isinstance(log, bytes) else log
    text = _ANSI.sub("", text).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    for pattern in _KERNEL:
        text = pattern.sub("", text)
    return text
