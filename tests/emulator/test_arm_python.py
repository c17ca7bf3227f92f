"""The runner in pure Python on an ARM root with Debian's numpy."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import board_runner
from board_runner import dla_simulator
from board_runner.emulator.chroot import chroot_argv
from board_runner.emulator.packages import DebianArch
from board_runner.emulator.python_root import PYTHON, add_python
from board_runner.emulator.roots import Root, build_root
from board_runner.integer.engine import OfflineEngine
from deployer.logs import parser
from tests.emulator.conftest import Job
from tests.integer import programs

RUNNER = Path(board_runner.__file__).parent
NOT_ON_A_BOARD = shutil.ignore_patterns("data", "native", "emulator", "simboard", "__pycache__")
LIMIT_S = 280
LONG = pytest.mark.skipif("DEPLOY_SOAK" not in os.environ, reason="about a minute: DEPLOY_SOAK=1 runs it")


def python_board(folder: Path, arch: DebianArch) -> Root:
    """A root with Python, numpy and our runner."""
    root = build_root(folder / "root", arch)
    add_python(root)
    shutil.copytree(RUNNER, root.folder / "usr/lib/python3/dist-packages/board_runner", ignore=NOT_ON_A_BOARD)
    return root


def simulated(root: Root, customer: Path) -> parser.SimulatorOutput:
    """What the board's Python says of `x.bin` and `eat.img` in its /customer."""
    words = [PYTHON, "-m", "board_runner.dla_simulator", "-i", "x.bin", "-m", "eat.img", "-f", "RAWDATA_NHWC"]
    inside = ["sh", "-c", 'cd /customer && exec "$@"', "sh", *words]
    argv = chroot_argv(root, inside, customer=customer)
    done = subprocess.run(argv, capture_output=True, timeout=LIMIT_S, check=False)
    said = parser.parse_simulator(done.stdout)
    assert said.done, done.stderr.decode()
    return said


@pytest.mark.usefixtures("arm_programs")
@pytest.mark.parametrize("arch", ["arm64", "armhf"])
def test_every_kind_of_instruction_gives_the_same_bits(arch: DebianArch, tmp_path: Path) -> None:
    """A program with all instructions, run by numpy as ARM code: the fingerprint of its outputs is the host's."""
    root = python_board(tmp_path, arch)
    customer = tmp_path / "customer"
    customer.mkdir()
    (customer / "eat.img").write_bytes(programs.packed(programs.every_op()))
    x = np.random.default_rng(0).uniform(-1, 1, (1, 2, programs.LENGTH)).astype(np.float32)
    x.tofile(customer / "x.bin")
    expected = OfflineEngine.load(customer / "eat.img").run_raw({"x": x})
    assert dla_simulator.fingerprint(expected.values()) == simulated(root, customer).outputs_xor


@LONG
@pytest.mark.usefixtures("arm_programs")
@pytest.mark.parametrize("arch", ["arm64", "armhf"])
def test_the_shipped_model_gives_the_same_bits(arch: DebianArch, job: Job, tmp_path: Path) -> None:
    """The whole model on a clip, run by numpy as ARM code: the fingerprint of its outputs is the host's."""
    root = python_board(tmp_path, arch)
    customer = tmp_path / "customer"
    customer.mkdir()
    shutil.copy(job.image, customer / "eat.img")
    job.write_input(customer / "x.bin")
    assert dla_simulator.fingerprint([job.expected]) == simulated(root, customer).outputs_xor
