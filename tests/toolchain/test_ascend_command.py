"""`deploy toolchain ascend`: a second vendor through the same door, and what it has not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deployer import cli
from tests.toolchain.test_ascend import FRAMES, MELS, SAMPLES, _network


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model and samples, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    _network().save(tmp_path / "net.onnx")
    (tmp_path / "data").mkdir()
    rng = np.random.default_rng(3)
    for index in range(SAMPLES):
        np.save(
            tmp_path / "data" / f"{index:03d}.npy",
            rng.standard_normal((MELS, FRAMES)).astype(np.float32),
        )
    return tmp_path


WORDS = ["toolchain", "ascend", "net.onnx", "data", "--batch", "1", "--batch", "4", "-q"]


def test_the_report_has_null_for_the_simulator(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Input shape, time and rate a batch size; no simulator is null in JSON and said in words."""
    assert 0 == cli.execute([*WORDS, "--json", "--samples", str(SAMPLES)])
    found = json.loads(capsys.readouterr().out)

    assert found["stages"]["simulator"] is None and found["stages"]["float"]
    assert [[1, MELS, FRAMES], [4, MELS, FRAMES]] == [row["input_shape"] for row in found["rows"]]
    for row in found["rows"]:
        assert row["samples_per_s"] == pytest.approx(1000 * row["batch"] / row["invoke_ms"])
    assert 0 == cli.execute(WORDS)
    assert "simulator: none: Ascend's tools run nothing on the host" in capsys.readouterr().out
    assert (folder / "ascend" / "atc_bs4.log").is_file()


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--soc-version", "Ascend999"], 3, "Ascend999"),
        (["--samples", "7"], 3, "whole batches"),
        (["--toolkit", "nowhere"], 3, "nowhere"),
        (["--input", "mel"], 2, "NAME:SIZE"),
    ],
)
def test_what_fails_is_told_with_its_code(
    folder: Path, capsys: pytest.CaptureFixture[str], more: list[str], code: int, words: str
) -> None:
    """The tools' own failure is 3, a wrong option 2, each in words."""
    assert code == cli.execute([*WORDS, *more])
    assert words in " ".join(capsys.readouterr().err.split())
