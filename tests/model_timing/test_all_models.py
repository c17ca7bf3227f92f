"""`deploy bench --all-models`: every size there is, by every engine, and their answers held together."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from board_runner import models
from deployer import catalogue, cli

pytestmark = pytest.mark.torch


def test_every_size_that_takes_audio_is_timed() -> None:
    """All that `deploy models` lists, but for the two graphs behind WeNet's encoder."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("onnxsim", reason="onnxsim is not installed")
    from deployer.export import untrained

    listed = {(facts.name, variant.name) for facts in catalogue.every() for variant in facts.variants}
    assert listed - set(untrained.names()) == {("wenet", "ctc"), ("wenet", "decoder")}


def test_what_an_untrained_network_gives_is_more_than_rounding() -> None:
    """The deepest network with runtime weights: its scores differ by far more than engines do."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("onnxsim", reason="onnxsim is not installed")
    from deployer.export import untrained

    made = untrained.make("efficientat", "dymn05")
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 64000).astype(np.float32)
    logits = made.run(next(iter(models.get("efficientat").chunks(noise, made.contract))))["logits"]
    assert 1e-3 < np.ptp(logits) < 1e3


def test_one_model_in_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Every size of it with times by three engines whose answers agree, and the way in from a wav."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("onnxsim", reason="onnxsim is not installed")
    assert cli.execute(["bench", "--all-models", "--model", "kws", "--runs", "2", "--json", "-q"]) == 0

    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["size"] for row in rows] == [variant.name for variant in catalogue.of("kws").variants]
    for row in rows:
        assert set(row["invoke_ms"]) == {"torch", "onnxruntime", "float"}
        assert all(len(times) == 2 and min(times) > 0 for times in row["invoke_ms"].values())
        assert len(row["load_and_features_ms"]) == 2 and max(row["apart"].values()) < 1e-4


@pytest.mark.skipif("DEPLOY_SOAK" not in os.environ, reason="half a minute: DEPLOY_SOAK=1 runs it")
def test_a_recogniser_takes_its_clip_in_chunks(capsys: pytest.CaptureFixture[str]) -> None:
    """Two seconds are several chunks with carried state, and all three engines carry the same."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("onnxsim", reason="onnxsim is not installed")
    assert cli.execute(["bench", "--all-models", "--model", "wenet", "--runs", "1", "--json", "-q"]) == 0

    [row] = json.loads(capsys.readouterr().out)["rows"]
    assert row["chunks"] > 2 and max(row["apart"].values()) < 1e-3


def test_an_unknown_model_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """By name, with those that there are, before anything is built."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("onnxsim", reason="onnxsim is not installed")
    assert cli.execute(["bench", "--all-models", "--model", "yamnet", "-q"]) == 2
    assert "known models: eat" in capsys.readouterr().err


def test_a_dry_run_of_it_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing would be changed, so there is nothing to be told beforehand."""
    assert cli.execute(["bench", "--all-models", "--dry-run", "-q"]) == 2
    assert "leave --dry-run out" in capsys.readouterr().err
