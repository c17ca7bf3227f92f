"""EATs of other sizes in C: the same levels and the same class from a wav as by the Python runner."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from board_runner import audio
from board_runner.integer.engine import OfflineEngine
from board_runner.models import eat
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.settings import QuantSettings
from deployer.logs import parser
from tests.eat.sizes import SIZES, write, write_clips
from tests.native.build import Built
from tests.native.levels import differing, dump

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    ("name", "bits"),
    [("less than a second, 7 classes", 16), ("EAT-M, cut short", 8), ("one factor of 8, 527 classes", 8)],
)
def test_another_size_gives_numpys_bits_and_its_class(
    name: str, bits: int, here: Built, tmp_path: Path
) -> None:
    """Rate, length and classes come from the image: every instruction's levels, and what is said of a wav."""
    for tool in ("torch", "onnxsim"):
        pytest.importorskip(tool, reason=f"{tool} is not installed")
    from deployer.export import conversion, sources

    size = SIZES[name]
    source = sources.load("eat", write(tmp_path / "trained", size))
    graph = conversion.fold(conversion.simplify(conversion.trace(source, source.contract)[0]))
    conversion.store_contract(graph, source.contract)
    onnx.save(graph, str(tmp_path / "eat.onnx"))
    clips = write_clips(tmp_path / "clips", size, 2)
    samples = [audio.require(audio.read_wav(clip), size.rate_hz) for clip in clips]
    inputs = [next(iter(eat.chunks(clip, source.contract))) for clip in samples]
    settings = QuantSettings(conv_bits=16 if bits == 16 else 8)
    write_fixed(tmp_path / "eat.onnx", tmp_path / "fixed.sim", samples=inputs, settings=settings)
    write_image(tmp_path / "fixed.sim", tmp_path / "eat.img", chip="pcupid")
    engine = OfflineEngine.load(tmp_path / "eat.img")
    inputs[0]["images"].astype("<f4").tofile(tmp_path / "0.bin")

    dump(here, tmp_path / "eat.img", tmp_path / "0.bin", tmp_path / "levels")
    assert [] == differing(engine, inputs[0], tmp_path / "levels")

    done = here.run("prog_sed_eat", "-i", clips[1], "-m", tmp_path / "eat.img", cwd=tmp_path)
    assert (0, "") == (done.returncode, done.stderr)
    [said] = parser.parse_stream(done.stdout)
    assert eat.decode([engine.run(inputs[1])]).class_id == said.class_id
