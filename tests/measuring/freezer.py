"""Processes in state D, which no signal reaches, as a driver that hangs makes them: a cgroup's freezer does it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from tests.boards.rig import wait_until

_PLACE = Path("/sys/fs/cgroup/freezer")


def missing() -> str | None:
    """Why nothing can be frozen here: the freezer of cgroups v2 lets SIGKILL through, that of v1 does not."""
    try:
        with _group():
            return None
    except OSError as e:
        return f"no freezer of cgroups v1 here: {e}"


@contextlib.contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """The processes are in state D until the block ends."""
    with _group() as group:
        for pid in pids:
            (group / "cgroup.procs").write_text(str(pid))
        (group / "freezer.state").write_text("FROZEN")
        try:
            wait_until(lambda: all(_state(pid) == "D" for pid in pids))
            yield
        finally:
            (group / "freezer.state").write_text("THAWED")
            wait_until(lambda: not (group / "cgroup.procs").read_text().strip())


@contextlib.contextmanager
def _group() -> Iterator[Path]:
    group = _PLACE / f"deploy-test-{secrets.token_hex(4)}"
    group.mkdir()
    try:
        yield group
    finally:
        group.rmdir()


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
