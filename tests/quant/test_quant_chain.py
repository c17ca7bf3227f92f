"""A network without classes through the commands: converted by the built-in tools, its stages compared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from deployer import cli
from tests.quant import systems

pytestmark = pytest.mark.torch


def test_speakers_are_converted_and_their_stages_agree(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """convert, then float, fixed and offline on two clips: both outputs near float, and the last two equal."""
    made = systems.build("ECAPA small", tmp_path, count=1)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploy.yaml").write_text(
        f"model: {{name: ecapa, onnx: {made.onnx.name}}}\naudio: {{clips: clips}}\n"
    )
    (tmp_path / "clips").mkdir()
    for number in range(2):
        sound = 0.2 * np.random.default_rng(number).standard_normal(32000)
        soundfile.write(tmp_path / "clips" / f"{number}.wav", np.clip(sound, -1, 1), 16000)

    assert cli.execute(["convert", "-q"]) == 0
    capsys.readouterr()
    assert cli.execute(["compare-sim", "float", "fixed", "offline", "--json", "-q"]) == 0

    rows = {row["candidate"]: row for row in json.loads(capsys.readouterr().out)["comparisons"][:2]}
    assert 0 < rows["fixed"]["max_abs"] < 0.1
    assert rows["offline"]["reference"] == "fixed" and rows["offline"]["max_abs"] == 0
