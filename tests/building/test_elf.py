"""What a program wants of a board, and whether a board has it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from board_runner.errors import UsageError
from deployer.building import elf
from deployer.building.elf import Binary, BoardAbi, Header
from tests.building.compilers import needs_compilers

KINDS = {
    "aarch64": ["aarch64-linux-gnu-gcc"],
    "aarch64 static": ["aarch64-linux-gnu-gcc", "-static"],
    "arm": ["arm-linux-gnueabihf-gcc"],
    "arm static": ["arm-linux-gnueabihf-gcc", "-static"],
}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One C program for each kind of board."""
    folder = tmp_path_factory.mktemp("elf")
    source = folder / "hello.c"
    source.write_text('#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n')
    made = {}
    for kind, argv in KINDS.items():
        made[kind] = folder / kind.replace(" ", "_")
        subprocess.run([*argv, str(source), "-o", str(made[kind])], check=True, timeout=60)
    return made


@needs_compilers
def test_a_program_tells_what_it_needs(programs: dict[str, Path]) -> None:
    """Machine, word size, float ABI, loader and libraries are those the compiler was asked for."""
    seen = {kind: elf.inspect(path) for kind, path in programs.items()}
    assert "64-bit aarch64" == str(seen["aarch64"].header)
    assert "32-bit arm (hard float)" == str(seen["arm"].header)
    assert "/lib/ld-linux-aarch64.so.1" == seen["aarch64"].interpreter
    assert "/lib/ld-linux-armhf.so.3" == seen["arm"].interpreter
    assert ("libc.so.6",) == seen["arm"].needed
    for kind in ("aarch64 static", "arm static"):
        assert (None, ()) == (seen[kind].interpreter, seen[kind].needed)


@needs_compilers
@pytest.mark.parametrize("size", [64, 4096])
def test_a_header_is_read_from_a_files_first_bytes(programs: dict[str, Path], size: int) -> None:
    """The board sends the beginning of its shell only; the tables that the header points to are not there."""
    for path in programs.values():
        assert elf.inspect(path).header == elf.read_header(path.read_bytes()[:size])


def test_what_is_not_elf_is_refused_by_name(tmp_path: Path) -> None:
    """A script, an empty file and a missing one are named, never a traceback."""
    script = tmp_path / "prog"
    for data in (b"#!/bin/sh\n", b"", elf.MAGIC, elf.MAGIC + b"\x02" * 80):
        script.write_bytes(data)
        with pytest.raises(UsageError, match="prog is not an ELF program"):
            elf.inspect(script)
    with pytest.raises(UsageError, match="missing"):
        elf.inspect(tmp_path / "missing")
    assert not elf.is_elf(script) or script.read_bytes().startswith(elf.MAGIC)


@given(st.binary(max_size=200))
def test_no_shell_breaks_the_reader(data: bytes) -> None:
    """Whatever a board says its shell begins with is a header or nothing."""
    for each in (
        data,
        elf.MAGIC + data,
        elf.MAGIC + b"\x02\x01\x01" + data,
        elf.MAGIC + b"\x01\x01\x01" + data,
    ):
        found = elf.read_header(each)
        assert found is None or found.bits in (32, 64)


@needs_compilers
def test_damage_is_refused_or_read_but_never_crashes(programs: dict[str, Path], tmp_path: Path) -> None:
    """Every byte of the header, and every length of the first kilobyte."""
    whole = programs["arm"].read_bytes()
    hurt = tmp_path / "hurt"
    damaged = [whole[:size] for size in range(0, 1024, 7)]
    damaged += [whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] for at in range(64)]
    refused = 0
    for data in damaged:
        hurt.write_bytes(data)
        try:
            elf.inspect(hurt)
        except UsageError:
            refused += 1
    assert refused > len(damaged) // 2


def _header(machine: str, hard_float: bool | None = None) -> Header:
    return Header(machine=machine, bits=64 if machine in ("aarch64", "x86_64") else 32, hard_float=hard_float)


def _shell(machine: str, hard_float: bool | None = None) -> bytes:
    """The first 64 bytes of a shell of that kind, by the ELF specification."""
    wide = machine in ("aarch64", "x86_64")
    number = {"aarch64": 183, "arm": 40, "x86_64": 62}[machine]
    flags = 0x05000000 | {True: 0x400, False: 0x200, None: 0}[hard_float] if machine == "arm" else 0
    ident = elf.MAGIC + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    head = ident + (2).to_bytes(2, "little") + number.to_bytes(2, "little") + (1).to_bytes(4, "little")
    offsets = bytes(24 if wide else 12)
    return (head + offsets + flags.to_bytes(4, "little")).ljust(64, b"\0")


GLIBC_64, GLIBC_HF = "/lib/ld-linux-aarch64.so.1", "/lib/ld-linux-armhf.so.3"
GLIBC_SF, UCLIBC, MUSL_64 = "/lib/ld-linux.so.3", "/lib/ld-uClibc.so.0", "/lib/ld-musl-aarch64.so.1"

STATIC_64 = Binary(name="prog", header=_header("aarch64"))
STATIC_32 = Binary(name="prog", header=_header("arm", True))
GLIBC_PROG_64 = Binary(name="prog", header=_header("aarch64"), interpreter=GLIBC_64)
GLIBC_PROG_HF = Binary(name="prog", header=_header("arm", True), interpreter=GLIBC_HF)
UCLIBC_PROG = Binary(name="prog", header=_header("arm", False), interpreter=UCLIBC)

PI_64 = BoardAbi(machine="aarch64", shell_elf=_shell("aarch64"), loaders=(GLIBC_64,))
USER_32 = BoardAbi(machine="aarch64", shell_elf=_shell("arm", True), loaders=(GLIBC_HF,))
BOTH = BoardAbi(machine="aarch64", shell_elf=_shell("aarch64"), loaders=(GLIBC_64, GLIBC_HF))
ARM_V7 = BoardAbi(machine="armv7l", shell_elf=_shell("arm", True), loaders=(GLIBC_HF,))
SMALL = BoardAbi(machine="armv7l", shell_elf=_shell("arm", False), loaders=(UCLIBC,))
BARE = BoardAbi(machine="aarch64", shell_elf=_shell("aarch64"), loaders=())
X86 = BoardAbi(machine="x86_64", shell_elf=_shell("x86_64"), loaders=())


@pytest.mark.parametrize(
    ("binary", "board"),
    [
        (STATIC_64, PI_64),
        (STATIC_64, BARE),
        (STATIC_64, USER_32),
        (STATIC_32, PI_64),
        (STATIC_32, ARM_V7),
        (STATIC_32, SMALL),
        (GLIBC_PROG_64, PI_64),
        (GLIBC_PROG_HF, USER_32),
        (GLIBC_PROG_HF, BOTH),
        (GLIBC_PROG_HF, ARM_V7),
        (UCLIBC_PROG, SMALL),
        (STATIC_64, BoardAbi(machine="armv8l", shell_elf=_shell("arm", True))),
        (GLIBC_PROG_64, BoardAbi(machine="aarch64")),
        (GLIBC_PROG_64, BoardAbi(machine="aarch64", shell_elf=_shell("aarch64"))),
        (GLIBC_PROG_64, BoardAbi(shell_elf=b"#!/bin/sh\n")),
        (GLIBC_PROG_HF, BoardAbi(machine="riscv64")),
        (UCLIBC_PROG, BoardAbi()),
    ],
)
def test_what_a_board_runs_is_let_through(binary: Binary, board: BoardAbi) -> None:
    """Static programs need no loader, a 64-bit ARM kernel runs 32-bit ones, and silence is no proof."""
    elf.check_fits(binary, board)


@pytest.mark.parametrize(
    ("binary", "board", "ours", "theirs"),
    [
        (STATIC_64, ARM_V7, "64-bit aarch64", "armv7l"),
        (STATIC_64, X86, "64-bit aarch64", "x86_64"),
        (STATIC_64, BoardAbi(shell_elf=_shell("arm", True)), "64-bit aarch64", "32-bit arm (hard float)"),
        (GLIBC_PROG_64, USER_32, GLIBC_64, GLIBC_HF),
        (GLIBC_PROG_64, BARE, GLIBC_64, "its loaders: none"),
        (GLIBC_PROG_64, BoardAbi(machine="aarch64", loaders=(MUSL_64,)), GLIBC_64, f"{MUSL_64} (musl)"),
        (GLIBC_PROG_HF, PI_64, GLIBC_HF, GLIBC_64),
        (GLIBC_PROG_HF, SMALL, "hard float", f"{UCLIBC} (uClibc)"),
        (UCLIBC_PROG, ARM_V7, UCLIBC, f"{GLIBC_HF} (glibc)"),
        (
            GLIBC_PROG_HF,
            BoardAbi(machine="armv7l", shell_elf=_shell("arm", False)),
            "hard float",
            "soft float",
        ),
        (GLIBC_PROG_64, BoardAbi(machine="aarch64", shell_elf=_shell("arm", True)), "aarch64", "32-bit arm"),
    ],
)
def test_the_wrong_kind_is_refused_with_both_sides_named(
    binary: Binary, board: BoardAbi, ours: str, theirs: str
) -> None:
    """The program's kind and the board's both stand in the message."""
    with pytest.raises(UsageError) as refused:
        elf.check_fits(binary, board)
    said, _, board_said = str(refused.value).partition("The board:")
    assert ours in said
    assert theirs in board_said
    assert refused.value.hint


def test_a_soft_float_arm_program_of_glibc_is_told_from_a_hard_one() -> None:
    """Both are 32-bit ARM of glibc; the loader tells them apart."""
    soft = Binary(name="prog", header=_header("arm", False), interpreter=GLIBC_SF)
    with pytest.raises(UsageError, match="that loader is not on the board"):
        elf.check_fits(soft, ARM_V7)
