"""An emulated board: ARM code under Debian's kernel in QEMU, power switch and cable within reach."""

from __future__ import annotations

import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from board_runner.emulator.errors import EmulatorError
from board_runner.emulator.flash import make_flash
from board_runner.emulator.initramfs import UP, initramfs
from board_runner.emulator.kernel import METAPACKAGES, Kernel, kernel
from board_runner.emulator.keys import kept_host_key
from board_runner.emulator.machine import MACHINES, BoardArch, Files, boot, describe, qemu
from board_runner.emulator.packages import Packages, Say, silent
from board_runner.emulator.process import PortTaken, Qemu
from board_runner.emulator.roots import ROOT_PACKAGES, SFTP_PACKAGE, Login, Root, build_root

USER = "root"
HOST = "127.0.0.1"

_POLL_S = 0.05
_PORT_TRIES = 3


@dataclass(frozen=True, kw_only=True)
class EmulatedBoardConfig:
    """How an emulated board is made; the defaults are those of a small board in the field.

    `port` 0 takes a free one. `flash_kib` is the room of `/customer`, `model` what the device tree calls the
    board, `window_bytes` how much dropbear takes before it must answer (None: its own 24 KiB). `folder` keeps
    disk, host key and console log, so that the same folder is the same board; without one they are temporary.
    """

    arch: BoardArch = "aarch64"
    flash_kib: int = 3072
    memory_mib: int = 128
    port: int = 0
    login: Login = "none"
    password: str | None = None
    authorized_key: str | None = None
    sftp: bool = False
    model: str = "PCUPID"
    window_bytes: int | None = None
    boot_limit_s: float = 180.0
    folder: Path | None = None


def to_fetch(config: EmulatedBoardConfig) -> list[str]:
    """The packages that a start would have to fetch first, `NAME:ARCH`."""
    arch = MACHINES[config.arch].debian
    packages = Packages(arch=arch)
    names = [*ROOT_PACKAGES, *([SFTP_PACKAGE] if config.sftp else [])]
    image = packages.known_dependency(METAPACKAGES[arch]) or METAPACKAGES[arch]
    return [f"{name}:{arch}" for name in packages.missing([*names, image])]


class EmulatedBoard:
    """A board that is built on the first `start()`; a context manager that stops it."""

    def __init__(self, config: EmulatedBoardConfig, *, say: Say = silent) -> None:
        self.config = config
        self.host = HOST
        self.user = USER
        self.port = config.port
        self.boot_s = 0.0  # from power-on to a listening SSH server, of the latest start
        self._say = say
        self._machine = MACHINES[config.arch]
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._files: Files | None = None
        self._kernel: Kernel | None = None
        self._root: Root | None = None
        self._qemu: Qemu | None = None

    @property
    def address(self) -> str:
        """`user@host:port`."""
        return f"{self.user}@{self.host}:{self.port}"

    @property
    def console_log(self) -> Path:
        """What all boots have printed on the serial console."""
        return self._built_files().console

    @property
    def host_key_fingerprint(self) -> str:
        """Of the board's SSH server, `SHA256:...`."""
        if self._root is None:
            raise EmulatorError("this board is not built yet", hint="start it first")
        return self._root.fingerprint

    @property
    def kernel_release(self) -> str:
        """What `uname -r` says on the board."""
        return self._built_kernel().release

    @property
    def pid(self) -> int | None:
        """QEMU's process, while the power is on."""
        return None if self._qemu is None else self._qemu.pid

    def build(self) -> Self:
        """Fetch what is missing; make root, disk and device tree. `start()` does it too. Raises EmulatorError."""
        if self._root is not None:
            return self
        qemu(self._machine)  # before anything is fetched
        self._kernel = kernel(self._machine.debian, say=self._say)
        files = self._make_files()
        with tempfile.TemporaryDirectory(prefix="board-root-") as temporary:
            root = build_root(
                Path(temporary) / "root",
                self._machine.debian,
                login=self.config.login,
                password=self.config.password,
                authorized_key=self.config.authorized_key,
                sftp=self.config.sftp,
                host_key=kept_host_key(files.host_key),
                say=self._say,
            )
            initramfs(root, self._kernel, files.initramfs, window_bytes=self.config.window_bytes)
        if not files.flash.exists():
            make_flash(files.flash, self.config.flash_kib)
        describe(self._machine, files, memory_mib=self.config.memory_mib, model=self.config.model)
        self._root = root
        return self

    def start(self) -> Self:
        """Power on, and wait until the SSH server listens. Raises EmulatorError."""
        if self.pid is not None:
            raise EmulatorError(f"board {self.address} is running already")
        self.power_cut()  # one that has switched itself off is put away
        self.build()
        began = time.monotonic()
        settled = self.port != 0  # asked for, or ours from the start before
        for left in reversed(range(_PORT_TRIES)):
            self.port = self.port if settled else _free_port()
            try:
                self._power_on(began)
                break
            except PortTaken as e:  # of free ones, somebody was faster
                if settled or not left:
                    raise EmulatorError(f"port {self.port} of {HOST} is taken", hint="choose another") from e
        self.boot_s = time.monotonic() - began
        return self

    def power_cut(self) -> None:
        """Take the power away at once: what the board had not written is lost. Harmless when it is off."""
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu = None

    def restart(self) -> Self:
        """A power cut, then power on: the same disk, the same host key, the same port."""
        self.power_cut()
        return self.start()

    def stop(self) -> None:
        """Power off for good; a temporary folder goes with the board."""
        self.power_cut()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = self._files = self._root = None

    def cable(self, *, plugged: bool) -> None:
        """Pull or plug the network cable. Raises EmulatorError when the power is off."""
        if self._qemu is None:
            raise EmulatorError(f"board {self.address} is off", hint="start it first")
        self._qemu.command("set_link", name="net0", up=plugged)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _make_files(self) -> Files:
        if self._files is None:
            folder = self.config.folder
            if folder is None:
                self._temporary = tempfile.TemporaryDirectory(prefix="board-")
                folder = Path(self._temporary.name)
            folder.mkdir(parents=True, exist_ok=True)
            self._files = Files(folder=folder.resolve())
        return self._files

    def _built_files(self) -> Files:
        if self._files is None:
            raise EmulatorError("this board is not built yet", hint="start it first")
        return self._files

    def _built_kernel(self) -> Kernel:
        if self._kernel is None:
            raise EmulatorError("this board is not built yet", hint="start it first")
        return self._kernel

    def _power_on(self, began: float) -> None:
        files = self._built_files()
        argv = boot(
            self._machine,
            files,
            image=self._built_kernel().image,
            memory_mib=self.config.memory_mib,
            port=self.port,
        )
        printed = files.console.stat().st_size if files.console.exists() else 0
        self._qemu = Qemu(argv, files.complaints)
        try:
            self._wait_for_server(self._qemu, printed, began)
        except BaseException:
            self.power_cut()
            raise

    def _wait_for_server(self, running: Qemu, printed: int, began: float) -> None:
        files = self._built_files()
        while time.monotonic() - began < self.config.boot_limit_s:
            with files.console.open("rb") as console:
                console.seek(printed)
                said = console.read()
            if UP.encode() in said:
                return
            running.check()
            time.sleep(_POLL_S)
        last = said.decode("utf-8", "replace").strip().splitlines()[-1:] or ["nothing at all"]
        raise EmulatorError(
            f"the emulated board did not come up within {self.config.boot_limit_s:g} s; "
            f"its console says last: {last[0]}",
            hint="is this machine very busy? the log says how far it came",
        )


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port
