"""Foreign machine code on this machine's own kernel: QEMU's user mode, known to the board alone.

The kernel learns which interpreter runs ARM programs from binfmt_misc. Since Linux 6.7 a user namespace has one
of its own, so the board's programs run as if the machine were an ARM one, and no other process sees a change.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from board_runner.emulator.errors import EmulatorError
from board_runner.emulator.packages import DebianArch

_HOSTS: Mapping[str, DebianArch] = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "armhf"}

# The namespace's first process only holds it open until it has been entered. Its user ids are ours, one by one:
# with a single id mapped setgroups(2) would be forbidden, which an SSH server calls for every log-in.
OWN_USERS = r"""
set -e
unshare --user sleep 5 </dev/null >/dev/null 2>&1 &
holder=$!
ours=$(readlink /proc/self/ns/user)
while [ "$(readlink /proc/$holder/ns/user)" = "$ours" ]; do sleep 0.01; done
echo 0 0 4294967295 >/proc/$holder/uid_map
echo 0 0 4294967295 >/proc/$holder/gid_map
exec nsenter --user=/proc/$holder/ns/user "$@"
"""


@dataclass(frozen=True, kw_only=True)
class UserMode:
    """How QEMU runs programs of one machine: its name, and the ELF word size and machine number to look for."""

    program: str
    elf_class: int
    elf_machine: int

    def registration(self) -> str:
        """The line for binfmt_misc: \\x7fELF, little-endian, an executable (2 or 3) of this machine.

        Flags: F opens the interpreter now, so that it need not be in the board's root; O hands it the program
        opened, since dropbear runs itself by fexecve(2); P keeps argv[0].
        """
        magic = bytes([0x7F, *b"ELF", self.elf_class, 1, 1, *[0] * 9, 2, 0, self.elf_machine, 0])
        mask = bytes([*[0xFF] * 7, 0, *[0xFF] * 8, 0xFE, 0xFF, 0xFF, 0xFF])
        interpreter = shutil.which(self.program)
        if interpreter is None:
            raise EmulatorError(f"{self.program} is not installed", hint="apt-get install qemu-user-static")
        return f":board:M::{_escaped(magic)}:{_escaped(mask)}:{interpreter}:POF"


_MODES: Mapping[DebianArch, UserMode] = {
    "arm64": UserMode(program="qemu-aarch64-static", elf_class=2, elf_machine=183),
    "armhf": UserMode(program="qemu-arm-static", elf_class=1, elf_machine=40),
}


def user_mode(arch: DebianArch) -> UserMode | None:
    """What runs programs of `arch` here; None where this machine does. Raises EmulatorError."""
    host = _HOSTS.get(platform.machine())
    if arch == host:
        return None
    if arch not in _MODES:
        raise EmulatorError(f"{arch} programs cannot run on this machine ({platform.machine()})")
    return _MODES[arch]


def _escaped(pattern: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in pattern)
