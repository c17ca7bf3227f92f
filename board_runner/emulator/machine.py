"""The virtual machines that play boards: which QEMU, which core, which words start it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from board_runner.emulator.devicetree import with_model
from board_runner.emulator.errors import EmulatorError
from board_runner.emulator.packages import DebianArch

BoardArch = Literal["aarch64", "arm"]

BORN = "1970-01-01T00:00:10"
"""What a board without a battery believes at power-on."""

COMMAND_LINE = "console=ttyAMA0 quiet loglevel=3 panic=1"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One kind of board."""

    debian: DebianArch
    qemu: str
    machine: str
    cpu: str


MACHINES: Mapping[BoardArch, Machine] = {
    "aarch64": Machine(debian="arm64", qemu="qemu-system-aarch64", machine="virt", cpu="cortex-a35"),
    "arm": Machine(debian="armhf", qemu="qemu-system-arm", machine="virt,highmem=off", cpu="cortex-a7"),
}


@dataclass(frozen=True, kw_only=True)
class Files:
    """What a machine boots from and leaves behind, in one folder."""

    folder: Path

    @property
    def initramfs(self) -> Path:
        """The root file system."""
        return self.folder / "initramfs.cpio"

    @property
    def device_tree(self) -> Path:
        """The machine's description, with the board's model in it."""
        return self.folder / "board.dtb"

    @property
    def flash(self) -> Path:
        """The image of `/customer`."""
        return self.folder / "customer.ext4"

    @property
    def host_key(self) -> Path:
        """The SSH server's key."""
        return self.folder / "host_key"

    @property
    def console(self) -> Path:
        """All that every boot has printed."""
        return self.folder / "console.log"

    @property
    def complaints(self) -> Path:
        """What QEMU itself said."""
        return self.folder / "qemu.log"


def qemu(machine: Machine) -> str:
    """QEMU's path. Raises EmulatorError."""
    found = shutil.which(machine.qemu)
    if found is None:
        raise EmulatorError(f"{machine.qemu} is not installed", hint="apt-get install qemu-system-arm")
    return found


def hardware(machine: Machine, *, memory_mib: int, options: str = "") -> list[str]:
    """The words that make the machine, without what it boots; nothing of the user's own QEMU settings."""
    core = ["-machine", machine.machine + options, "-cpu", machine.cpu, "-smp", "1", "-m", f"{memory_mib}M"]
    return [qemu(machine), *core, "-nodefaults", "-no-user-config", "-display", "none"]


def boot(machine: Machine, files: Files, *, image: Path, memory_mib: int, port: int) -> list[str]:
    """The command that runs a board whose SSH is 127.0.0.1:`port` here; it reaches nothing outside itself.

    Writes that the board has flushed outlive a kill of QEMU without fsync here, since they are the host
    kernel's by then: hence cache=unsafe. QMP is spoken on stdin and stdout.
    """
    net = f"user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"
    disk = f"file={_escaped(files.flash)},if=none,id=customer,format=raw,cache=unsafe"
    console = f"file,id=console,path={_escaped(files.console)},append=on"
    return [
        *hardware(machine, memory_mib=memory_mib),
        *("-kernel", str(image), "-initrd", str(files.initramfs), "-dtb", str(files.device_tree)),
        *("-append", COMMAND_LINE, "-rtc", f"base={BORN}"),
        *("-chardev", console, "-serial", "chardev:console", "-qmp", "stdio"),
        *("-netdev", net, "-device", "virtio-net-device,netdev=net0"),
        *("-drive", disk, "-device", "virtio-blk-device,drive=customer"),
    ]


def describe(machine: Machine, files: Files, *, memory_mib: int, model: str) -> None:
    """Write the machine's device tree with `model` as its name. Raises EmulatorError."""
    plain = files.folder / "virt.dtb"
    dump = hardware(machine, memory_mib=memory_mib, options=f",dumpdtb={_escaped(plain)}")
    ran = subprocess.run(dump, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if not plain.is_file():
        raise EmulatorError(f"{machine.qemu} wrote no device tree: {ran.stderr.strip()}")
    files.device_tree.write_bytes(with_model(plain.read_bytes(), model))
    plain.unlink()


def _escaped(path: Path) -> str:
    """A path within one of QEMU's comma-separated options."""
    return str(path).replace(",", ",,")
