"""A run is judged by its result line, never by its exit code alone; a failed one by the board after it, too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from deployer.board.base import Completed
from deployer.errors import ProgramFailed
from deployer.logs import messages
from deployer.run import Program, explained, judge
from deployer.running.aftermath import Aftermath, read
from deployer.running.guard import Start

CLIP = "1-137-A-32_22.05k.wav"
GOOD = (
    f"inputs: {CLIP}\nmodel path: models/eat.img\nthreshold: 0.500000\nunknown element format 5\n"
    f"found 1 images!\nthe input image: ./{CLIP}\n"
    "model invoke time: 57.121000 ms\npost process time: 0.181000 ms\nclass id: 32\n"
)
PROGRAM = Program(directory=PurePosixPath("/customer/deploy/current"))


def _completed(
    stdout: str, stderr: str = "", status: int | None = 0, *, timed_out: bool = False
) -> Completed:
    return Completed(
        exit_status=status,
        stdout=stdout.encode(),
        stderr=stderr.encode(),
        elapsed_ms=100.0,
        timed_out=timed_out,
    )


def test_the_result_line_is_success_whatever_the_exit_status() -> None:
    """The vendor's programs leave with the number of a source line; a result is a result."""
    result = judge(_completed(GOOD, status=17), PROGRAM, CLIP)

    assert (57.121, 0.181, 32) == (result.invoke_ms, result.post_process_ms, result.class_id)
    assert "exit status is 17" in result.warnings[0]


@pytest.mark.parametrize(
    ("completed", "words", "hint"),
    [
        (_completed("", status=0), "printed nothing", ""),
        (_completed(GOOD.replace("class id: 32\n", "")), "gave no result", ""),
        (_completed("create ipu device failed(14)!\n", status=251), "firmware", "IPU driver"),
        (_completed("create detect ipu channel failed(54)!\n", status=7), "another chip", "chip"),
        (_completed("", "-sh: ./prog_sed_eat: not found\n", 127), "not found", "push"),
        (_completed("", "-sh: ./prog_sed_eat: Permission denied\n", 126), "denied", "noexec"),
        (_completed(GOOD[:60], status=None, timed_out=True), "stopped after 60 s", ""),
        (_completed(GOOD[:60], status=None), "killed", ""),
        (_completed(GOOD.replace("models/eat.img", "models/old.img")), "something else", "push"),
        (_completed(GOOD.replace(f"./{CLIP}", "./other.wav")), "other.wav", "push"),
        (_completed(GOOD + GOOD), "gave no result", ""),
    ],
)
def test_without_its_result_line_a_run_has_failed(completed: Completed, words: str, hint: str) -> None:
    """Exit status 0 proves nothing; the program's own words and a cure are in the error."""
    with pytest.raises(ProgramFailed) as caught:
        judge(completed, PROGRAM, CLIP)

    assert words in str(caught.value)
    assert hint in caught.value.hint
    assert 5 == caught.value.exit_code


def test_a_programs_bytes_do_not_steer_the_terminal() -> None:
    """Garbage on its output is repeated without escape sequences."""
    with pytest.raises(ProgramFailed) as caught:
        judge(_completed("\x1b[2Jgone\x07\nlast"), PROGRAM, CLIP)

    assert "[2Jgone" in str(caught.value) and "\nlast" in str(caught.value)
    assert "\x1b" not in str(caught.value) and "\x07" not in str(caught.value)


START = Start(pid=812, boot_id="6f0c4b9e-8f3c-46a4-b7d8-0a4b7a5b8c22", uptime_s=93.5)


def _answer(*, boot_id: str = START.boot_id or "", left: str = "", kernel: str = "") -> bytes:
    return f"@boot {boot_id}\n{left}@kernel\n{kernel}@end\n".encode()


def test_the_kernels_lines_since_the_start_are_the_delta() -> None:
    """By the time they carry, from the first late one on; what stood there before is nobody's concern."""
    log = "[    1.000000] boot\n[   93.300000] old\n[   93.450000] new\nclient [812] connected, module:ipu\n"

    after = read(_answer(kernel=log), START)

    assert ("[   93.450000] new", "client [812] connected, module:ipu") == after.kernel


@pytest.mark.parametrize(
    ("count", "kernel"),
    [(2, ("c",)), (3, ()), (9, ("a", "b", "c")), (None, None)],
)
def test_a_log_without_times_is_told_by_its_length(count: int | None, kernel: tuple[str, ...] | None) -> None:
    """What is beyond the length it had; all of it where it was cleared; nothing is claimed without the length."""
    start = replace(START, kernel_lines=count)

    assert kernel == read(_answer(kernel="a\nb\nc\n"), start).kernel


def test_a_reboot_is_told_by_the_boot_id() -> None:
    """Lines and processes of the new boot say nothing of the run; without ids nothing is claimed."""
    rebooted = read(_answer(boot_id="0" * 36, left="@left 812 (sh) S 1\n", kernel="[ 99.0] up\n"), START)

    assert (True, (), ()) == (rebooted.rebooted, rebooted.kernel, rebooted.left)
    assert read(_answer(boot_id="-"), START).rebooted is None
    assert read(_answer(), START).rebooted is False


def test_what_hangs_in_the_kernel_is_named_and_needs_the_power_cut() -> None:
    """A process in state D that outlived TERM and KILL is in the message, with the only cure as the hint."""
    left = "@left 812 (prog_sed_eat) D 1 812 812 0\n@left 813 (a ) b) S 812 812\n@left 814 (gone) Z 812 812\n"
    after = read(_answer(left=left), START)

    error = explained(ProgramFailed("prog_sed_eat was stopped", hint="push it"), after)

    assert [("prog_sed_eat", "D"), ("a ) b", "S")] == [(p.name, p.state) for p in after.left]
    assert "prog_sed_eat (process 812) hangs in the kernel" in str(error)
    assert "cut the board's power" in error.hint
    assert after is error.aftermath and after.sick


def test_a_board_that_does_not_answer_is_the_first_thing_to_know() -> None:
    """The program's own hint gives way to the board's."""
    error = explained(ProgramFailed("no result", hint="push it"), Aftermath(answers=False))

    assert "no result; the board does not answer any more" == str(error)
    assert "power" in error.hint


def test_a_healthy_board_leaves_the_failure_as_it_was() -> None:
    """Where the board has nothing to add, message and hint are the program's."""
    error = explained(ProgramFailed("no result", hint="push it"), read(_answer(), START))

    assert ("no result", "push it") == (str(error), error.hint)


@pytest.mark.parametrize(
    ("line", "words", "hint"),
    [
        ("MI_SYS_Init err:0xa0092010", "error of SYS: the system is not ready", "modules"),
        ("MI_IPU_CreateCHN failed: 0xA01D2036", "the model is for another chip", "chip:"),
        ("ret -1610014708", "error of SYS: out of memory", "stop other programs"),
        ("mi_venc_open 0xa0021003 at 3", "warning of VENC: illegal parameter", ""),
        ("error 0xA0FE2FFF", "error of module 254: number 4095", ""),
        ("create ipu device failed(35)!", "no device available", "driver"),
        ("MI_IPU_Invoke error, ret 41", "the IPU hangs", "power cycle"),
    ],
)
def test_vendor_numbers_become_words_and_cures(line: str, words: str, hint: str) -> None:
    """Module, level and error of any MI number, in hex or as the negative number that `%d` makes of it."""
    found = messages.find(f"before\n{line}\nafter")

    assert found is not None and f"({words})" in found.message
    assert hint in found.hint


@pytest.mark.parametrize(
    "line", ["class id: 32", "0xa009201", "at 0xa00920101", "address a0092010", "1610014710"]
)
def test_other_numbers_are_no_errors(line: str) -> None:
    """Seven or nine digits, no prefix, no sign: not a vendor's number."""
    assert messages.find(line) is None


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("[  12.3] Out of memory: Killed process 812 (prog_sed_eat) total-vm:90000kB", "/tmp"),
        ("[  12.3] kernel BUG at drivers/sstar/mi_sys/mma.c:77!", "reboot"),
        ("[  12.3] INFO: task prog_sed_eat:812 blocked for more than 120 seconds.", "power"),
        ("[  12.3] UBIFS error (ubi0:0 pid 812): ubifs_read_node: bad node type", "flash"),
        ("[  12.3] ipu0: wait timeout, core status 0x3", "power"),
    ],
)
def test_what_the_kernel_says_has_a_cure(line: str, hint: str) -> None:
    """The lines of a kernel log that explain a failed run are told from the rest."""
    found = messages.find_kernel(f"[   12.0] client [812] connected, module:ipu\n{line}\n")

    assert found is not None and hint in found.hint
    assert messages.find_kernel("[   12.0] client [812] connected, module:ipu\n") is None
