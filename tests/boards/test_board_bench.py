"""The real program, pushed and timed over a real OpenSSH server."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePosixPath

import pytest

from board_runner.engine import load
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.float_sim import write_float
from deployer import program, resources
from deployer.bench import bench
from deployer.convert import model_inputs
from deployer.events import ignore
from deployer.push import BoardFile, push
from deployer.run import Program
from tests.boards import servers

CLIP = "5-203128-A-0_22.05k.wav"


def _files(folder: Path) -> list[BoardFile]:
    from board_runner import models

    eat = models.get("eat")
    clip = resources.data_dir() / "clips" / CLIP
    tensors = model_inputs(eat, eat.contract(), [clip])
    write_float(resources.data_dir() / "eat.onnx", folder / "float.sim")
    write_fixed(folder / "float.sim", folder / "fixed.sim", samples=[{"images": tensors[CLIP]}])
    write_image(folder / "fixed.sim", folder / "eat.img", chip="pcupid")
    assert load(folder / "eat.img").run({"images": tensors[CLIP]})["output"].argmax() == 0
    return [
        BoardFile(
            source=program.build_python_program(folder / "prog_sed_eat"),
            name=PurePosixPath("prog_sed_eat"),
            executable=True,
        ),
        BoardFile(source=folder / "eat.img", name=PurePosixPath("models/eat.img")),
        BoardFile(source=clip, name=PurePosixPath(CLIP)),
    ]


@pytest.mark.skipif(servers.sshd_missing() is not None, reason=str(servers.sshd_missing()))
@pytest.mark.parametrize("sftp", [True, False])
def test_push_and_bench_work_on_openssh(tmp_path: Path, sftp: bool) -> None:
    """The whole of what a board gets runs there, and the class id comes back."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # its python3 has numpy
    with servers.openssh(tmp_path, sftp=sftp) as place, place.board() as board:
        directory = PurePosixPath(place.config.directory)
        push(board, _files(tmp_path), directory)
        placed = Program(directory=directory / "current", env={"PATH": path})

        measured = bench(board, placed, [CLIP], runs=2, emit=ignore)

    assert () == measured.failures
    assert [0, 0] == [sample.class_id for sample in measured.samples]
    assert all((sample.start_load_io_ms or 0) > 0 for sample in measured.samples)
