"""EfficientAT through the commands: any audio prepared, a checkpoint exported, stages compared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from deployer import cli
from tests.efficientat.networks import write

pytestmark = pytest.mark.torch


def test_recordings_and_a_checkpoint_go_through_the_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """export, prepare, compare-sim: network, ONNX Runtime's side and the float engine agree on every clip."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("onnxsim", reason="onnxsim is not installed")
    folder = write(tmp_path / "trained", "mn05", front_end="tensorflow")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploy.yaml").write_text(
        f"model: {{name: efficientat, checkpoint: {json.dumps(str(folder))}}}\naudio: {{clips: clips}}\n"
    )
    (tmp_path / "raw").mkdir()
    rng = np.random.default_rng(0)
    for number, seconds in enumerate((0.7, 2.0, 3.1)):
        sound = rng.uniform(-0.5, 0.5, (int(44100 * seconds), 2))
        soundfile.write(tmp_path / "raw" / f"{number}.wav", sound, 44100)

    assert cli.execute(["export", "-q"]) == 0
    assert cli.execute(["prepare", "raw", "--out", "clips", "-q"]) == 0
    assert {soundfile.info(path).samplerate for path in (tmp_path / "clips").glob("*.wav")} == {32000}
    capsys.readouterr()
    assert cli.execute(["compare-sim", "torch", "onnx", "--json", "-q"]) == 0

    [row] = json.loads(capsys.readouterr().out)["comparisons"]
    assert (row["reference"], row["candidate"]) == ("torch", "onnx")
    assert row["max_abs"] < 1e-4
