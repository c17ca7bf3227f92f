"""The board's absolute paths inside a private directory, without being root."""

from __future__ import annotations

import re

BOARD_PREFIXES = (
    "/customer",
    "/config",
    "/data",
    "/tmp",
    "/proc/device-tree",
    "/proc/sys/kernel/random",
    "/sys/class/mstar/msys",
    "/sys/class/thermal",
    "/sys/devices/soc0",
    "/sys/devices/system/cpu",
    "/sys/dla",
    "/sys/module/printk",
)
"""Where the board's own files lie; every other absolute path is the host's (`/bin/sh`, `/proc/meminfo`)."""

_STARTS = re.compile(
    r"(?:(?<=[\s'\"=:(){}<>;|&`,])|\A)(?:" + "|".join(map(re.escape, BOARD_PREFIXES)) + r")(?![\w.+@%-])"
)


def to_private(command: str, root: str) -> str:
    """`command` with every board path moved below `root`.

    A prefix counts only as the start of a path: after a blank, quote, `=`, `:` or shell operator, and up to
    `/` or a character that ends a file name. `root` must be free of shell characters (`SimBoard` sees to it).
    Text that reaches a program by its standard input or by a file is data and is left alone.
    """
    return _STARTS.sub(lambda found: root + found.group(), command)
