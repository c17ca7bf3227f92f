"""What an emulated board needs of this machine, and a cache that all its tests share."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from board_runner import audio
from board_runner.contract import Array, Tensors
from board_runner.emulator.board import EmulatedBoard, EmulatedBoardConfig
from board_runner.emulator.chroot import chroot_argv
from board_runner.emulator.errors import EmulatorError
from board_runner.emulator.machine import MACHINES, BoardArch
from board_runner.emulator.packages import Packages
from board_runner.emulator.roots import Root, build_root
from board_runner.integer.engine import OfflineEngine
from board_runner.models import eat
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.float_sim import write_float
from board_runner.quant.settings import QuantSettings
from deployer import resources
from deployer.board.base import Upload
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from tests.boards.servers import free_port

Boards = Callable[[BoardArch], EmulatedBoard]
COMPILERS: dict[BoardArch, str] = {"aarch64": "aarch64-linux-gnu-gcc", "arm": "arm-linux-gnueabihf-gcc"}


@dataclass(frozen=True, kw_only=True)
class Job:
    """A model, a clip, and what the host makes of them."""

    image: Path
    clip: Path
    inputs: Tensors
    engine: OfflineEngine

    @property
    def expected(self) -> Array:
        """The int16 levels of the model's one output."""
        (levels,) = self.engine.run_raw(self.inputs).values()
        return levels

    def write_input(self, path: Path) -> None:
        """The clip's tensor as `dla_simulator` reads it."""
        np.asarray(self.inputs[self.engine.inputs[0].name], "<f4").tofile(path)


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@functools.cache
def no_packages() -> str | None:
    """Why no Debian package can be had here."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    try:
        Packages(arch="amd64").fetch(["busybox"])
    except EmulatorError as e:
        return str(e)
    return None


@pytest.fixture(scope="session")
def packages() -> None:
    """Debian packages can be had."""
    if reason := no_packages():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def root_user() -> None:
    """We are root."""
    if os.geteuid() != 0:
        pytest.skip("mounts and chroot need root")


@pytest.fixture(scope="session")
def arm_programs(packages: None, root_user: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """ARM programs run on this machine's own kernel, for a board alone."""
    root = build_root(tmp_path_factory.mktemp("probe") / "root", "arm64")
    try:
        argv = chroot_argv(root, ["uname", "-m"])
    except EmulatorError as e:
        pytest.skip(str(e))
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    if done.stdout != "aarch64\n":
        pytest.skip(f"no binfmt_misc of one's own here: {done.stderr.strip()}")


def lacking(arch: BoardArch) -> str | None:
    """Why no board of this kind can be emulated here."""
    qemu = MACHINES[arch].qemu
    if shutil.which(qemu) is None:
        return f"{qemu} is not installed"
    found = shutil.which("mkfs.ext4", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    return None if found else "mkfs.ext4 is not installed"


@pytest.fixture(scope="session")
def emulated_boards(packages: None) -> Iterator[Boards]:
    """A running board of each kind, booted when it is first asked for, shared by all tests."""
    running: dict[BoardArch, EmulatedBoard] = {}
    with contextlib.ExitStack() as stack:

        def board(arch: BoardArch) -> EmulatedBoard:
            if reason := lacking(arch):
                pytest.skip(reason)
            if arch not in running:
                config = EmulatedBoardConfig(arch=arch, flash_kib=16_384, memory_mib=256)
                running[arch] = stack.enter_context(EmulatedBoard(config)).start()
            return running[arch]

        yield board


def reach(board: EmulatedBoard) -> SshBoard:
    """A connection to the board, not opened yet."""
    config = BoardConfig(name="emulated", host=board.host, own_port=board.port, connect_timeout_s=60)
    return SshBoard(config)


def upload(source: Path, target: PurePosixPath, *, executable: bool = False) -> Upload:
    """A local file for the board."""
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    return Upload(source=source, target=target, sha256=digest, executable=executable)


@contextlib.contextmanager
def served(root: Root) -> Iterator[BoardConfig]:
    """The root as a board on a free port of this machine, by this machine's kernel."""
    port = free_port()
    board = subprocess.Popen(chroot_argv(root, root.server(port=port)), stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield BoardConfig(name="busybox", host="127.0.0.1", own_port=port)
    finally:
        board.kill()
        board.wait(10)


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The shipped model in 8 bits, 16 where it needs them, and the first shipped clip."""
    folder = tmp_path_factory.mktemp("job")
    clip = min((resources.data_dir() / "clips").glob("*.wav"))
    contract = eat.contract()
    samples = audio.require(audio.read_wav(clip), contract.sample_rate_hz)
    inputs = next(iter(eat.chunks(samples, contract)))
    write_float(resources.data_dir() / "eat.onnx", folder / "float.sim")
    settings = QuantSettings(conv_bits=8, int16_kinds=("depthwise",))
    write_fixed(folder / "float.sim", folder / "fixed.sim", samples=[inputs], settings=settings)
    write_image(folder / "fixed.sim", folder / "eat.img", chip="pcupid")
    engine = OfflineEngine.load(folder / "eat.img")
    return Job(image=folder / "eat.img", clip=clip, inputs=inputs, engine=engine)
