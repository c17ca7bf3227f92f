"""What make and a compiler say: why a build failed, and what was being compiled."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer import resources
from toolchain_wrappers.sdk import console, profile

LOGS = Path(__file__).parent / "logs"
FAILURES = profile.load(resources.configs_dir() / "toolchains").failures

CASES = {
    "sdk_header": ("headers of the SDK", "mi_ipu.h: No such file"),
    "other_header": ("a header is not where", "opencv2/core.hpp"),
    "sdk_library": ("libraries of the SDK", "cannot find -lmi_ipu"),
    "incompatible": ("those of another board", "cannot find -lmi_ipu"),
    "undefined": ("was not linked", "undefined reference to `MI_SYS_Init'"),
    "no_compiler": ("not on PATH", "uclibcgnueabihf-9.1.0-gcc"),
    "no_compiler_shell": ("not on PATH", "gnueabihf-9.1.0-gcc: not found"),
    "old_host": ("does not run on this machine", "GLIBC_2.34"),
    "other_host": ("another kind of machine", "Exec format error"),
    "host_compiler_option": ("compiler for another kind of machine", "-mfloat-abi=hard"),
    "host_compiler_march": ("compiler for another kind of machine", "armv8-a"),
    "no_source": ("source there", "source/sed/eat"),
    "memory": ("out of memory", "Killed signal"),
    "disk": ("disk is full", "No space left"),
    "windows_lines": ("line ends of Windows", "command not found"),
    "root_files": ("cannot be read or written", "Permission denied"),
}
"""Log -> words of what it means, and of the line that shows it."""


def _lines(name: str) -> list[str]:
    return (LOGS / f"{name}.log").read_text(encoding="utf-8").splitlines()


def test_every_log_is_a_case_and_every_failure_has_a_log() -> None:
    """No phrase in the list of failures is there untried, and no log is forgotten."""
    assert {path.stem for path in LOGS.glob("*.log")} == set(CASES)
    known = [console.explain(_lines(name), FAILURES) for name in CASES]
    assert {each[0].means for each in known if each} == {failure.means for failure in FAILURES}


@pytest.mark.parametrize("name", CASES)
def test_a_failed_build_is_explained(name: str) -> None:
    """The meaning is the right one, and the line shown is the cause, not what came of it."""
    means, shown = CASES[name]
    known = console.explain(_lines(name), FAILURES)
    assert known is not None
    assert means in known[0].means
    assert shown in known[1]


@pytest.mark.parametrize("name", CASES)
def test_a_failed_build_shows_an_error_whatever_its_exit_status(name: str) -> None:
    """A makefile that ignores errors does not hide them."""
    assert console.shows_error(_lines(name))


@pytest.mark.parametrize(
    "line",
    [
        "aarch64-linux-gnu-gcc -c error.c -o out/error.o",
        "a.c:3:7: warning: unused variable 'error' [-Wunused-variable]",
        "mkdir: cannot create directory 'out': File exists",
        "\x1b[31m0 errors, all is built\x1b[0m",
        "rm: cannot remove 'out/x': No such file or directory",
    ],
)
def test_a_good_build_shows_none(line: str) -> None:
    """Names, warnings and red good news are not errors, and `rm` may miss what it removes."""
    assert not console.shows_error([line])


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("aarch64-linux-gnu-gcc -O2 -c source/sed/eat/eat.cpp -o out/aarch64/obj/eat.o", "eat.cpp"),
        ("\x1b[32m[CC]\x1b[0m source/common/wav.c\r", "wav.c"),
        ("  CC      out/arm/obj/main.o", "main.o"),
        ("eat.cpp:3:1: error: expected ';'", None),
        ("make: *** [Makefile:4: eat.o] Error 1", None),
        ("done", None),
    ],
)
def test_what_is_being_compiled_is_read_from_long_and_short_lines(line: str, source: str | None) -> None:
    """Progress counts sources, however makefiles announce them."""
    assert source == console.source_of(line)


def test_the_cause_is_shown_and_not_its_consequence() -> None:
    """Of a parallel make's last words the first that says why."""
    lines = [
        "[CC] a.c",
        "make: *** [x:1: b.o] Error 1",
        "b.c:1:1: error: no",
        "make: *** Waiting for unfinished jobs....",
    ]
    assert console.first_error(lines) == "b.c:1:1: error: no"
