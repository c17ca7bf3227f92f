"""The page's example does what the page says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import soundfile

from board_runner.contract import Array

PAGE = Path(__file__).parents[2] / "docs" / "wenet.md"


@pytest.mark.torch
def test_the_example_recognises(
    exported: Path,
    clip: Array,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Copied from the page, run beside a folder of graphs and a recording: three answers."""
    [example] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(exported, "graphs")
    soundfile.write("clip.wav", clip, 16000)

    exec(compile(example, str(PAGE), "exec"), {})

    greedy, beam, rescored = capsys.readouterr().out.splitlines()
    assert greedy.startswith("greedy Transcript(") and beam.startswith("beam Transcript(")
    assert rescored.startswith("rescored Transcript(")
