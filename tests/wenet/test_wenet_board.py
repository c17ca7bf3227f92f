"""WeNet on a board: the program runs chunk after chunk with carried state and prints what greedy CTC hears."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from board_runner import prog_sed_eat
from board_runner.engine import load
from board_runner.models import wenet
from board_runner.models.base import Transcript, run_model
from deployer.logs import parser
from deployer.logs.said import Heard
from tests.wenet.streams import Streamed

pytestmark = pytest.mark.torch


def _heard(streamed: Streamed, model: Path) -> list[Transcript]:
    """Of each clip, by the model's engine on this host."""
    engine = load(model)
    return [wenet.decode(run_model(wenet, engine, clip, streamed.contract)) for clip in streamed.clips]


@pytest.mark.parametrize("form", ["image", "onnx"])
def test_the_program_prints_what_the_models_own_engine_hears(
    form: str,
    streamed: Streamed,
    fixed: dict[int, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Eight chunks with carried state, from the integer image and from the float graph alike."""
    model = fixed[8].with_suffix(".img") if form == "image" else streamed.onnx
    for number, clip in enumerate(streamed.clips):
        soundfile.write(tmp_path / f"{number}.wav", clip, 16000, subtype="FLOAT")

    assert prog_sed_eat.main(["-i", str(tmp_path), "-m", str(model)]) == 0

    outputs = parser.parse_stream(capsys.readouterr().out)
    wanted = [Heard(tokens=one.tokens, score=one.score, chunks=8) for one in _heard(streamed, model)]
    assert [output.said for output in outputs] == wanted
    assert any(one.tokens for one in wanted)
    for output in outputs:
        assert output.first_chunk_ms is not None and output.invoke_ms is not None
        assert 0 < output.first_chunk_ms < output.invoke_ms
