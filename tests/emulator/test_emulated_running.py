"""Running programs on a board with a kernel of its own: its log, its reboots, its processes."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from board_runner.emulator.board import EmulatedBoard
from board_runner.emulator.machine import MACHINES
from deployer.building.elf import read_header
from deployer.errors import ProgramFailed
from deployer.run import Program, run_clip
from deployer.running import guard
from tests.emulator.conftest import Boards, reach, upload

TMP = PurePosixPath("/tmp")


@pytest.fixture(params=list(MACHINES))
def emulated(request: pytest.FixtureRequest, emulated_boards: Boards) -> EmulatedBoard:
    """The running board of either kind."""
    return emulated_boards(request.param)


def test_the_kernels_new_lines_are_told_by_their_times(emulated: EmulatedBoard, tmp_path: Path) -> None:
    """A real kernel's log holds the boot; what is kept of it after a failed run is what came since."""
    program = tmp_path / "prog_sed_eat"
    program.write_text(
        "#!/bin/sh\necho 'Out of memory: Killed process 12 (prog_sed_eat)' >/dev/kmsg\nexit 9\n"
    )
    with reach(emulated) as board:
        board.push([upload(program, TMP / "prog_sed_eat", executable=True)])
        log = board.run(["dmesg"], timeout_s=30).stdout.splitlines()
        with pytest.raises(ProgramFailed, match="the kernel said: Out of memory") as caught:
            run_clip(board, Program(directory=TMP, timeout_s=60), "a.wav")

    after = caught.value.aftermath
    assert after is not None and after.kernel is not None
    assert len(log) > 50 and len(after.kernel) < 5
    assert after.kernel[-1].endswith("Out of memory: Killed process 12 (prog_sed_eat)")
    assert (True, False, ()) == (after.answers, after.rebooted, after.left)


def test_a_hung_program_goes_with_its_children(emulated: EmulatedBoard) -> None:
    """BusyBox, dropbear and a slow processor: at the deadline nothing of it is left."""
    with reach(emulated) as board:
        ran = guard.run(board, ["sh", "-c", "echo hi; sleep 71 & sleep 72"], timeout_s=2, cwd=TMP)
        listed = board.run(["ps"], timeout_s=30).stdout

    assert (ran.completed.timed_out, ran.completed.stdout) == (True, b"hi\n")
    assert b"sleep 7" not in listed


def test_the_probe_reads_a_foreign_userland(emulated: EmulatedBoard) -> None:
    """The ELF header that the board shows is of its own architecture."""
    with reach(emulated) as board:
        facts = board.facts(PurePosixPath("/customer"))

    header = read_header(bytes.fromhex(facts.shell_elf or ""))
    assert header is not None and header.machine == emulated.config.arch
    assert facts.busybox and facts.boot_id and facts.uptime_s
    assert not facts.clock_is_set
    assert [("/customer", True, False)] == [(p.mount, p.writable, p.read_only) for p in facts.places]
