"""Keyword spotting through the commands: any audio prepared, a checkpoint exported, stages compared."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from deployer import cli

pytestmark = pytest.mark.torch


def test_recordings_and_a_checkpoint_go_through_the_commands(
    kws_folder: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """export, prepare, compare-sim with `model.name: kws`: the network and its ONNX agree on every clip."""
    pytest.importorskip("onnxsim", reason="onnxsim is not installed")
    folder = kws_folder("DS-CNN-S")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploy.yaml").write_text(
        f"model: {{name: kws, checkpoint: {json.dumps(str(folder))}}}\naudio: {{clips: clips}}\n"
    )
    (tmp_path / "raw").mkdir()
    rng = np.random.default_rng(0)
    for number, seconds in enumerate((0.4, 1.0, 1.7)):
        sound = rng.uniform(-0.5, 0.5, (int(44100 * seconds), 2))
        soundfile.write(tmp_path / "raw" / f"{number}.wav", sound, 44100)

    assert cli.execute(["export", "-q"]) == 0
    assert cli.execute(["prepare", "raw", "--out", "clips", "-q"]) == 0
    capsys.readouterr()
    assert cli.execute(["compare-sim", "torch", "onnx", "--json", "-q"]) == 0

    [row] = json.loads(capsys.readouterr().out)["comparisons"]
    assert (row["reference"], row["candidate"]) == ("torch", "onnx")
    assert row["max_abs"] < 1e-4


def test_an_export_says_nothing_beside_its_report(kws_folder: Callable[..., Path], tmp_path: Path) -> None:
    """No tool that takes part in it leaves words of its own on stderr when the command ends."""
    pytest.importorskip("onnxsim", reason="onnxsim is not installed")
    words = [
        "export",
        "--model",
        "kws",
        "--checkpoint",
        str(kws_folder("CNN-S")),
        "--out",
        str(tmp_path),
        "-q",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "deployer", *words], capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)
