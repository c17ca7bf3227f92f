"""A process by more than its number, for numbers are given again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Process:
    """`started_ticks` counts clock ticks from the machine's start; it and `boot_id` are None without /proc."""

    pid: int
    host: str
    boot_id: str | None = None
    started_ticks: int | None = None


def this_one() -> Process:
    """The process that asks."""
    pid = os.getpid()
    return Process(pid=pid, host=os.uname().nodename, boot_id=_boot_id(), started_ticks=_started_ticks(pid))


def is_alive(process: Process) -> bool | None:
    """None for one of another machine: this one cannot tell."""
    if process.host != os.uname().nodename:
        return None
    if process.boot_id != _boot_id():
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, but there
        pass
    return process.started_ticks == _started_ticks(process.pid)


def _boot_id() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def _started_ticks(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat (proc_pid_stat(5)); the name in field 2 may hold blanks and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return int(text.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
