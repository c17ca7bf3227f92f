"""`deploy export --model ecapa`: every check passes, and three engines give the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from board_runner import prog_sed_eat
from board_runner.float_engine import FloatEngine
from board_runner.models import ecapa
from board_runner.models.base import run_model
from deployer import cli
from tests.ecapa.conftest import voice, write_checkpoint

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("name", ["seed", "C512"])
def test_an_export_computes_what_the_network_does(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """PyTorch, ONNX Runtime and the float engine agree on both outputs, which have their names."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("onnxsim", reason="onnxsim is not installed")
    ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    from deployer.export import sources

    folder, out = write_checkpoint(tmp_path / "c", name), tmp_path / "out"
    words = ["export", "--model", "ecapa", "--checkpoint", str(folder), "--out", str(out), "--json", "-q"]
    assert cli.execute(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["passed"]
    norms = next(check for check in report["checks"] if check["name"] == "batch normalisation folded")
    assert "comes after Relu" in norms["detail"]
    contract = sources.load("ecapa", folder).contract
    [mel] = ecapa.chunks(voice(150, 2.5, 3).astype(np.float32), contract)
    with torch.no_grad():
        wanted = [
            value.numpy() for value in sources.load("ecapa", folder).network(torch.from_numpy(mel["mel"]))
        ]
    engine = FloatEngine.load(out / "ecapa_sim.onnx")
    assert engine.graph.contract == contract
    assert [spec.name for spec in engine.outputs] == ["embedding", "attention"]
    assert "LpNormalization" not in {node.op_type for node in engine.graph.nodes}
    session = ort.InferenceSession(str(out / "ecapa_sim.onnx"), providers=["CPUExecutionProvider"])
    by_engine = [engine.run(mel)[spec.name] for spec in engine.outputs]
    for one, two, three in zip(wanted, by_engine, session.run(None, mel), strict=True):
        assert np.abs(one - two).max() < 1e-5
        assert np.abs(one - three).max() < 1e-5


def test_the_runner_answers_with_an_embedding(small_export: Path) -> None:
    """From samples to a direction, by the loop that runs every model."""
    engine = FloatEngine.load(small_export / "ecapa_sim.onnx")
    contract = engine.graph.contract
    assert contract is not None
    answer = ecapa.decode(run_model(ecapa, engine, voice(150, 3.0, 3).astype(np.float32), contract))
    assert np.linalg.norm(answer.vector) == pytest.approx(1)
    assert len(answer.vector) == 16


def test_recordings_and_a_checkpoint_go_through_the_commands(
    small_checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """export, prepare, compare-sim with `model.name: ecapa`: the network and its ONNX agree on every clip."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploy.yaml").write_text(
        f"model: {{name: ecapa, checkpoint: {json.dumps(str(small_checkpoint))}}}\naudio: {{clips: clips}}\n"
    )
    (tmp_path / "raw").mkdir()
    for number, seconds in enumerate((0.7, 2.5)):
        soundfile.write(tmp_path / "raw" / f"{number}.wav", voice(150, seconds, number), 16000, "PCM_24")
    assert cli.execute(["export", "-q"]) == 0
    assert cli.execute(["prepare", "raw", "--out", "clips", "-q"]) == 0
    capsys.readouterr()
    assert cli.execute(["compare-sim", "torch", "onnx", "--json", "-q"]) == 0
    [row] = json.loads(capsys.readouterr().out)["comparisons"]
    assert (row["reference"], row["candidate"]) == ("torch", "onnx")
    assert row["max_abs"] < 1e-5


def test_the_board_program_prints_the_embedding_of_the_graph(
    small_export: Path, utterance: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model without classes gets lines of its own, and no line `class id:`."""
    wav = utterance(tmp_path / "one.wav")
    assert prog_sed_eat.main(["-i", str(wav), "-m", str(small_export / "ecapa_sim.onnx")]) == 0
    told = capsys.readouterr().out
    assert "embedding: 16 values, crc32 " in told
    assert "class id" not in told
