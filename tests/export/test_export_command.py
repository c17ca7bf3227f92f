"""From a checkpoint of somebody's own, of another size, to five stages that agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployer import cli

pytestmark = pytest.mark.torch


def test_a_checkpoint_of_another_size_goes_through_the_chain(
    checkpoint_of: Callable[..., Path],
    small_state: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """export, convert, compare: torch, onnx and float to rounding; fixed and offline one and the same."""
    pytest.importorskip("onnxsim", reason="the ONNX tools are not installed")
    folder = checkpoint_of({"model_dict": small_state})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploy.yaml").write_text(
        f"model: {{checkpoint: {folder.name}}}\nlimits: {{cosine_min: -1, rmse_max: 100, top1_min: 0}}\n"
    )

    assert 2 == cli.execute(["convert", "-q"])
    assert "deploy export" in capsys.readouterr().err
    assert 0 == cli.execute(["export", "-q"])
    assert 0 == cli.execute(["convert", "-q"])
    capsys.readouterr()
    assert 0 == cli.execute(["compare-sim", "torch", "onnx", "float", "fixed", "offline", "--json", "-q"])

    rows = json.loads(capsys.readouterr().out)["comparisons"]
    largest = {(row["reference"], row["candidate"]): row["max_abs"] for row in rows}
    assert largest["torch", "onnx"] < 1e-4
    assert largest["onnx", "float"] < 1e-4
    assert 0 < largest["float", "fixed"]
    assert 0 == largest["fixed", "offline"]
