"""What an ELF program wants of a board, and whether this board has it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

from board_runner.errors import UsageError
from deployer.building.elf_magic import MAGIC, is_elf

__all__ = ["MAGIC", "Binary", "BoardAbi", "Header", "check_fits", "inspect", "is_elf", "libc_of"]

HEADER_BYTES = 64
"""A 64-bit header whole; a 32-bit one has 52 bytes."""

_MACHINES = {"EM_AARCH64": "aarch64", "EM_ARM": "arm", "EM_X86_64": "x86_64", "EM_386": "i386"}
_HARD_FLOAT, _SOFT_FLOAT = 0x400, 0x200
"""e_flags of 32-bit ARM programs: EF_ARM_ABI_FLOAT_HARD and EF_ARM_ABI_FLOAT_SOFT (ELF for the Arm
Architecture, section 5.2)."""

_KERNELS = (
    (
        re.compile(r"aarch64|arm64|armv8l"),
        ("aarch64", "arm"),
    ),  # armv8l: a 64-bit kernel under a 32-bit personality
    (re.compile(r"arm"), ("arm",)),
    (re.compile(r"x86_64"), ("x86_64", "i386")),
    (re.compile(r"i\d86"), ("i386",)),
)
"""`uname -m` -> what such a kernel runs. A 64-bit ARM kernel is taken to run 32-bit programs, as most do."""

_DAMAGED = (ELFError, ValueError, KeyError, AttributeError, TypeError, IndexError, OverflowError, MemoryError)
"""What pyelftools lets through from a file that is not what it claims to be."""

_LIBCS = (("ld-musl", "musl"), ("ld-uClibc", "uClibc"), ("ld-linux", "glibc"), ("ld-", "glibc"))


@dataclass(frozen=True, kw_only=True)
class Header:
    """An ELF header; `hard_float` is None where it does not say, as outside 32-bit ARM."""

    machine: str
    bits: int
    little_endian: bool = True
    hard_float: bool | None = None

    def __str__(self) -> str:
        words = [f"{self.bits}-bit", "" if self.little_endian else "big-endian", self.machine]
        floats = {True: "hard float", False: "soft float", None: ""}[self.hard_float]
        return " ".join(word for word in words if word) + (f" ({floats})" if floats else "")


@dataclass(frozen=True, kw_only=True)
class Binary:
    """A program or library; `interpreter` is None for a static one, `needed` holds its libraries' names."""

    name: str
    header: Header
    interpreter: str | None = None
    needed: tuple[str, ...] = ()

    def __str__(self) -> str:
        kind = f"needs {self.interpreter}" if self.interpreter else "static"
        return f"{self.name} is a program for {self.header}, {kind}"


@dataclass(frozen=True, kw_only=True)
class BoardAbi:
    """What a board says of itself; None where it does not say.

    `machine` is `uname -m`; `shell_elf` the first 64 bytes or more of its shell; `loaders` the paths of its
    dynamic loaders, /lib/ld-*.so*.
    """

    machine: str | None = None
    shell_elf: bytes | None = None
    loaders: tuple[str, ...] | None = None

    @property
    def shell(self) -> Header | None:
        """The header of its shell, if that can be read."""
        return None if self.shell_elf is None else read_header(self.shell_elf)

    def __str__(self) -> str:
        said = [f"`uname -m` says {self.machine}"] if self.machine else []
        if self.shell is not None:
            said.append(f"its shell is for {self.shell}")
        if self.loaders is not None:
            listed = [f"{path} ({libc})" if (libc := libc_of(path)) else path for path in self.loaders]
            said.append(f"its loaders: {', '.join(listed) or 'none'}")
        return "; ".join(said) or "it says nothing of itself"


def inspect(path: Path) -> Binary:
    """Read what decides where a program runs. Raises UsageError for a file that is not ELF or is damaged."""
    try:
        data = path.read_bytes()
    except OSError as e:
        raise UsageError(f"{path}: {e.strerror}") from e
    try:
        elf = ELFFile(BytesIO(data))
        interpreters = [s.get_interp_name() for s in elf.iter_segments() if isinstance(s, InterpSegment)]
        dynamic = [s for s in elf.iter_segments() if isinstance(s, DynamicSegment)]
        needed = tuple(str(vars(tag)["needed"]) for s in dynamic for tag in s.iter_tags("DT_NEEDED"))
        header = _header(elf)
    except _DAMAGED as e:
        raise UsageError(f"{path} is not an ELF program ({e or type(e).__name__})") from e
    return Binary(
        name=path.name, header=header, interpreter=next(iter(interpreters), None) or None, needed=needed
    )


def read_header(data: bytes) -> Header | None:
    """A header from a file's first 64 bytes or more; None for anything else."""
    if not data.startswith(MAGIC) or len(data) < HEADER_BYTES - 12:
        return None
    try:
        # The tables are on the board still; an ELF without any can be read from its header alone.
        return _header(ELFFile(BytesIO(_without_tables(data))))
    except _DAMAGED:
        return None


def libc_of(loader: str) -> str | None:
    """Whose dynamic loader a path is: glibc, musl or uClibc; None for an unknown one."""
    name = PurePosixPath(loader).name
    return next((libc for prefix, libc in _LIBCS if name.startswith(prefix)), None)


def check_fits(binary: Binary, board: BoardAbi) -> None:
    """Refuse a program that the board cannot start; what the board does not say is not held against it.

    Raises UsageError that names both sides. A static program needs a kernel that runs it and no loader.
    """
    reason = _misfit(binary, board)
    if reason is not None:
        raise UsageError(
            f"{binary}; {reason}. The board: {board}",
            hint=f"build it for {_wanted(board)}: choose the SDK's defconfig that made the board's image",
        )


def _misfit(binary: Binary, board: BoardAbi) -> str | None:
    shell = board.shell
    machine = board.machine or (shell.machine if shell else None)
    kernel = _runs(machine)
    if kernel is not None and binary.header.machine not in kernel:
        return f"a kernel of {machine} does not run it"
    if shell is not None and binary.header.little_endian != shell.little_endian:
        return "the board has the other byte order"
    if binary.interpreter is None:
        return None
    if board.loaders is not None:
        return None if _has_loader(binary.interpreter, board.loaders) else "that loader is not on the board"
    if shell is not None and not _same(binary.header, shell):
        return "the board's shell, and so its libraries, are of another kind"
    return None


def _same(one: Header, other: Header) -> bool:
    floats = {one.hard_float, other.hard_float}
    return (one.machine, one.bits) == (other.machine, other.bits) and floats != {True, False}


def _has_loader(wanted: str, loaders: tuple[str, ...]) -> bool:
    """By path; of one outside /lib, which the board's list does not cover, by name."""
    path = PurePosixPath(wanted)
    if path.parent == PurePosixPath("/lib"):
        return wanted in loaders
    return path.name in {PurePosixPath(loader).name for loader in loaders}


def _runs(machine: str | None) -> tuple[str, ...] | None:
    known = (runs for pattern, runs in _KERNELS if machine and pattern.match(machine))
    return next(known, None)


def _wanted(board: BoardAbi) -> str:
    if board.shell is not None:
        return str(board.shell)
    return f"a board of {board.machine}" if board.machine else "this board"


def _header(elf: ELFFile) -> Header:
    machine = str(elf["e_machine"])
    flags = int(elf["e_flags"])
    arm = machine == "EM_ARM"
    return Header(
        machine=_MACHINES.get(machine, machine.removeprefix("EM_").lower()),
        bits=int(elf.elfclass),
        little_endian=bool(elf.little_endian),
        hard_float=True if arm and flags & _HARD_FLOAT else False if arm and flags & _SOFT_FLOAT else None,
    )


def _without_tables(data: bytes) -> bytes:
    """The header with e_phoff, e_shoff and their counts at zero."""
    wide = data[4] == 2
    cut = bytearray(data[: HEADER_BYTES if wide else HEADER_BYTES - 12].ljust(HEADER_BYTES, b"\0"))
    offsets, counts = ((32, 48), (54, 64)) if wide else ((28, 36), (42, 52))
    cut[slice(*offsets)] = bytes(offsets[1] - offsets[0])
    cut[slice(*counts)] = bytes(counts[1] - counts[0])
    return bytes(cut)
