"""EfficientAT's contract, its one chunk and its decision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from board_runner import models
from board_runner.contract import InputContract
from board_runner.errors import InputError, ModelError
from board_runner.frontends.logmel import TENSORFLOW, LogMel
from board_runner.models import efficientat
from deployer import labels
from deployer.settings.config import ModelSection

CLIP = np.random.default_rng(1).uniform(-1, 1, 64000).astype(np.float32)


@pytest.mark.parametrize("variant", ["original", "tensorflow"])
def test_the_contract_chooses_the_front_end(variant: str) -> None:
    """Written into a model and read back, it makes the features of its own variant."""
    front_end = LogMel(variant=variant)
    again = InputContract.from_json(efficientat.contract(front_end=front_end, classes=20).to_json())
    [chunk] = models.get("efficientat").chunks(CLIP, again)
    again.inputs[0].check(chunk["mel"])
    assert np.array_equal(chunk["mel"][0, 0], front_end.features(CLIP))
    assert [spec.shape for spec in again.outputs] == [(1, 20), (1, 960)]


def test_clips_and_contracts_that_do_not_fit_are_refused() -> None:
    """No samples, another model's contract, frames before mel channels: each is said."""
    plain = efficientat.contract()
    with pytest.raises(InputError, match="empty"):
        next(efficientat.chunks(np.zeros(0, np.float32), plain))
    with pytest.raises(ModelError, match="not a contract of the log-mel front end"):
        next(efficientat.chunks(CLIP, models.get("kws").contract()))
    turned = replace(plain, inputs=(replace(plain.inputs[0], shape=(1, 1, 200, 128)),))
    with pytest.raises(ModelError, match=r"front end makes \[1, 1, 128, 200\]"):
        next(efficientat.chunks(CLIP, turned))
    mixed = replace(plain, front_end={**plain.front_end, "variant": "keras"})
    with pytest.raises(ModelError, match="keras"):
        next(efficientat.chunks(CLIP, mixed))


def test_the_decision_is_by_the_logits_alone() -> None:
    """However large the features are, and whichever output comes first."""
    logits = np.zeros((1, 20), np.float32)
    logits[0, 7] = 3.0
    decision = efficientat.decode([{"features": np.full((1, 960), 9.0), "logits": logits}])
    assert (decision.class_id, decision.margin) == (7, 3.0)
    assert decision.score == pytest.approx(np.e**3 / (np.e**3 + 19))
    with pytest.raises(ModelError, match="no output 'logits' among features"):
        efficientat.decode([{"features": np.zeros((1, 960))}])
    with pytest.raises(ModelError, match="one run"):
        efficientat.decode([])


def test_labels_are_packaged_or_the_users(tmp_path: Path) -> None:
    """ESC-50 unless `model.labels` gives the classes that the network was trained on."""
    assert len(labels.load(ModelSection(name="efficientat"), tmp_path)) == 50
    own = ModelSection(name="efficientat", labels=["rain", "wind"])
    assert labels.load(own, tmp_path) == ["rain", "wind"]


def test_the_front_ends_are_not_taken_for_one_another() -> None:
    """The same clip gives other features by more than a tenth: a mix-up would be no rounding error."""
    [one] = efficientat.chunks(CLIP, efficientat.contract())
    [other] = efficientat.chunks(CLIP, efficientat.contract(front_end=LogMel(variant=TENSORFLOW)))
    assert np.abs(one["mel"] - other["mel"]).mean() > 0.1
