"""Programs of this host: lines as they come, deadlines on progress, and nothing left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployer import shell
from toolchain_wrappers.errors import ToolchainError


def _ended(pid: int) -> bool:
    """Gone, or a zombie that some init will collect."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_lines_and_redrawn_states_come_as_they_are_printed(tmp_path: Path) -> None:
    """Each state of a bar is seen; the log keeps its last."""
    seen: list[str] = []
    script = r"printf 'one\r\n10%%\r50%%\r100%%\nlast'; exit 3"
    ran = shell.stream(
        ["bash", "-c", script], cwd=tmp_path, log=tmp_path / "log", on_line=seen.append, idle_timeout_s=30
    )

    assert ["one", "10%", "50%", "100%", "last"] == seen
    assert 3 == ran.exit_status
    assert "one\n100%\nlast\n" == ran.log.read_text()


def test_a_bar_that_stands_still_is_no_progress(tmp_path: Path) -> None:
    """A tool that redraws the same state for ever is stopped, its last line quoted, its children with it."""
    script = r"sleep 100 & echo $!; while :; do printf '\r[==>]50.00%% | ETA'; sleep 0.02; done"
    seen: list[str] = []
    with pytest.raises(ToolchainError, match=r"no progress for 0\.5 s .*50\.00%"):
        shell.stream(
            ["bash", "-c", script],
            cwd=tmp_path,
            log=tmp_path / "log",
            on_line=seen.append,
            idle_timeout_s=0.5,
            progressed=lambda line: "ETA" not in line,
            stop=[["touch", str(tmp_path / "stopped")], [str(tmp_path / "not there")]],
        )

    assert (tmp_path / "stopped").exists() and _ended(int(seen[0]))


def test_ctrl_c_stops_the_program_and_what_it_started_elsewhere(tmp_path: Path) -> None:
    """The interrupt reaches the caller, the group is gone and the stop commands ran."""
    code = (
        "import sys, pathlib; from deployer import shell; t = pathlib.Path(sys.argv[1])\n"
        "shell.stream(['bash', '-c', 'echo $$ > pid; sleep 100'], cwd=t, log=t / 'log', on_line=print,"
        " idle_timeout_s=60, stop=[['touch', str(t / 'stopped')]])"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE) as running:
        pid_file = tmp_path / "pid"
        deadline = time.monotonic() + 20
        while not (pid_file.exists() and pid_file.read_text().strip()) and time.monotonic() < deadline:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=30)

    assert b"KeyboardInterrupt" in errors and (tmp_path / "stopped").exists()
    assert _ended(int(pid_file.read_text()))


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    """No traceback of subprocess."""
    with pytest.raises(ToolchainError, match="nowhere cannot be started"):
        shell.stream(["nowhere"], cwd=tmp_path, log=tmp_path / "log", on_line=print, idle_timeout_s=1)


def test_a_silent_tool_that_still_works_is_not_stopped(tmp_path: Path) -> None:
    """Asked when the deadline comes: files that grow count as words; a tool that says no more is then stopped."""
    answers = [True, True, False]
    with pytest.raises(ToolchainError, match="no progress"):
        shell.stream(
            ["sleep", "60"],
            cwd=tmp_path,
            log=tmp_path / "log",
            on_line=print,
            idle_timeout_s=0.2,
            alive=lambda: answers.pop(0),
        )

    assert [] == answers
