"""A run is judged by its result line, never by its exit code alone."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from deployer.board.base import Completed
from deployer.errors import ProgramFailed
from deployer.run import Program, judge

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
