"""The main job on emulated boards: cross-built, pushed, run; the answer is the host's, bit by bit."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from board_runner import dla_simulator, native
from board_runner.emulator.board import EmulatedBoard
from board_runner.emulator.machine import MACHINES, BoardArch
from deployer.logs import parser
from tests.emulator.conftest import COMPILERS, Boards, Job, reach, upload
from toolchain_wrappers.sigmastar import dumps

FOLDER = PurePosixPath("/customer")
LEVELS = "/tmp/levels"
RUN_LIMIT_S = 200.0


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A running board with programs, model, clip and input on it."""

    emulated: EmulatedBoard
    job: Job


@pytest.fixture(scope="module", params=list(MACHINES))
def ready(
    request: pytest.FixtureRequest,
    emulated_boards: Boards,
    job: Job,
    tmp_path_factory: pytest.TempPathFactory,
) -> Ready:
    """Both C programs built for the board and pushed to it with all they need."""
    arch: BoardArch = request.param
    compiler = COMPILERS[arch]
    if shutil.which(compiler) is None or shutil.which("make") is None:
        pytest.skip(f"{compiler} or make is not installed")
    out = tmp_path_factory.mktemp(f"programs-{arch}")
    build = ["make", "-s", "-C", str(native.ROOT), f"CC={compiler}", f"OUT={out}"]
    made = subprocess.run(build, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    raw = out / "input.bin"
    job.write_input(raw)
    emulated = emulated_boards(arch)
    with reach(emulated) as board:
        programs = [upload(out / name, FOLDER / name, executable=True) for name in native.PROGRAMS]
        board.push([*programs, upload(job.image, FOLDER / "models/eat.img")])
        board.push([upload(job.clip, FOLDER / "clip.wav"), upload(raw, FOLDER / "input.bin")])
    return Ready(emulated=emulated, job=job)


def test_the_program_names_the_hosts_class(ready: Ready) -> None:
    """`prog_sed_eat` as ARM code gives the class id of the offline engine, in the vendor's lines."""
    with reach(ready.emulated) as board:
        words = ["./prog_sed_eat", "-i", "clip.wav", "-m", "models/eat.img"]
        done = board.run(words, cwd=FOLDER, timeout_s=RUN_LIMIT_S)
    (said,) = parser.parse_stream(done.stdout)
    assert done.exit_status == 0 and said.complete
    assert int(ready.job.expected.argmax()) == said.class_id


def test_every_instruction_gives_the_hosts_bits(ready: Ready, tmp_path: Path) -> None:
    """`dla_simulator` on the board: each instruction's levels, the output's text and fingerprint are numpy's."""
    job = ready.job
    with reach(ready.emulated) as board:
        words = ["./dla_simulator", "-i", "input.bin", "-m", "models/eat.img", "-f", "RAWDATA_NHWC"]
        script = f'mkdir {LEVELS} && cd {FOLDER} && SGS_LEVELS={LEVELS} "$@"'
        done = board.script(script, *words, timeout_s=RUN_LIMIT_S)
        board.pull(FOLDER / "output/unknown_eat.img_input.bin.txt", tmp_path / "output.txt")
        listed = board.script(f"cd {LEVELS} && md5sum *", timeout_s=RUN_LIMIT_S).stdout.decode()
    said = parser.parse_simulator(done.stdout)
    (output,) = dumps.parse((tmp_path / "output.txt").read_text())
    assert said.done, done.stderr
    assert dla_simulator.fingerprint([job.expected]) == said.outputs_xor
    np.testing.assert_allclose(output.values, job.engine.run(job.inputs)[output.name], atol=5.1e-7)
    board_digests = {name: digest for digest, name in map(str.split, listed.splitlines())}
    differing = [
        step.name
        for number, (step, levels) in enumerate(job.engine.trace(job.inputs))
        if board_digests[f"{number:04d}.bin"] != hashlib.md5(levels.tobytes()).hexdigest()
    ]
    assert [] == differing
    assert len(board_digests) > 100
