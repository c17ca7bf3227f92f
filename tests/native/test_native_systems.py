"""Quantised networks of other systems from wav to answer: the C program against the Python program."""

from __future__ import annotations

from pathlib import Path

import pytest

from board_runner import prog_sed_eat
from board_runner.integer import image
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.settings import QuantSettings
from deployer.logs import parser
from deployer.logs.said import Embedded
from tests.native.build import Built
from tests.native.features import clips
from tests.quant import systems

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("name", ["DS-CNN-S", "mn05", "ECAPA small"])
def test_a_networks_answers_are_the_python_programs(name: str, here: Built, tmp_path: Path) -> None:
    """8-bit images of settled random networks: class ids, or all bits of the embeddings, of every shipped clip."""
    (tmp_path / "made").mkdir()
    system = systems.build(name, tmp_path / "made", count=3)
    settings = QuantSettings(conv_bits=8)
    write_fixed(system.onnx, tmp_path / "x.sim", samples=system.calibration, settings=settings)
    write_image(tmp_path / "x.sim", tmp_path / "x.img", chip="pcupid")
    (tmp_path / "in").mkdir()
    paths = clips(tmp_path / "in", image.read(tmp_path / "x.img").contract)
    lines: list[str] = []
    prog_sed_eat.classify(str(tmp_path / "in"), str(tmp_path / "x.img"), lines.append)

    done = here.run("prog_sed_eat", "-i", tmp_path / "in", "-m", tmp_path / "x.img")

    wanted, said = parser.parse_stream("\n".join(lines) + "\n"), parser.parse_stream(done.stdout)
    assert len(paths) == len(said) == sum(output.complete for output in said)
    assert [(o.class_id, o.said) for o in wanted] == [(o.class_id, o.said) for o in said]
    assert name.startswith("ECAPA") == isinstance(said[0].said, Embedded)
