"""Keyword spotting's contract, its one chunk and its decision."""

from __future__ import annotations

import numpy as np
import pytest

from board_runner import models
from board_runner.contract import InputContract
from board_runner.errors import InputError, ModelError
from board_runner.frontends.mfcc import Mfcc
from board_runner.models import kws
from deployer import labels
from deployer.settings.config import ModelSection
from tests.frontends.signals import sweep

CONTRACT = kws.contract()


def test_a_clip_becomes_one_chunk_of_features() -> None:
    """49 frames of 10 coefficients, as the front end makes them, under the contract's name."""
    [chunk] = models.get("kws").chunks(sweep(), CONTRACT)
    CONTRACT.inputs[0].check(chunk["mfcc"])
    assert np.array_equal(chunk["mfcc"][0, 0], Mfcc().features(sweep()))


def test_the_level_of_a_clip_counts() -> None:
    """Unlike EAT's, this front end does not bring clips to one peak: half as loud is log 2 less."""
    [loud], [soft] = (
        list(kws.chunks(level * sweep(), CONTRACT)) for level in (np.float32(1), np.float32(0.5))
    )
    apart = loud["mfcc"] - soft["mfcc"]
    assert apart[..., 0] == pytest.approx(np.sqrt(80) * np.log(2), rel=1e-4)
    assert np.abs(apart[..., 1:]).max() < 1e-3


def test_the_contract_travels_as_text() -> None:
    """Written into a model and read back, it makes the same features."""
    again = InputContract.from_json(kws.contract(front_end=Mfcc(window=640), classes=14).to_json())
    [chunk] = kws.chunks(sweep(), again)
    assert again.outputs[0].shape == (1, 14)
    assert np.array_equal(chunk["mfcc"][0, 0], Mfcc(window=640).features(sweep()))


def test_clips_and_contracts_that_do_not_fit_are_refused() -> None:
    """No samples, two channels, another model's contract: each is said."""
    with pytest.raises(InputError, match="empty"):
        next(kws.chunks(np.zeros(0, np.float32), CONTRACT))
    with pytest.raises(InputError, match="not mono"):
        next(kws.chunks(np.zeros((2, 16000), np.float32), CONTRACT))
    with pytest.raises(ModelError, match="not a contract of the MFCC front end"):
        next(kws.chunks(sweep(), models.get("eat").contract()))
    other = InputContract.from_json(CONTRACT.to_json().replace('"coefficients": 10', '"coefficients": 12'))
    with pytest.raises(ModelError, match=r"front end makes \[49, 12\]"):
        next(kws.chunks(sweep(), other))


def test_the_decision_is_the_largest_logit() -> None:
    """Its softmax is the score, what it is ahead of the second the margin; no scores are no decision."""
    logits = np.zeros((1, 12), np.float32)
    logits[0, 2] = 2.0
    decision = kws.decode([{"logits": logits}])
    assert decision.class_id == 2
    assert decision.score == pytest.approx(np.e**2 / (np.e**2 + 11))
    assert decision.margin == 2.0
    for wrong in (
        [],
        [{"logits": logits}] * 2,
        [{"logits": np.full((1, 12), np.nan)}],
        [{"logits": logits[:, :1]}],
    ):
        with pytest.raises(ModelError):
            kws.decode(wrong)


def test_the_labels_are_those_of_the_contract(tmp_path: object) -> None:
    """`model: {name: kws}` brings its own label set: a name for every score, silence and unknown first."""
    from pathlib import Path

    names = labels.load(ModelSection(name="kws"), Path(str(tmp_path)))
    assert len(names) == CONTRACT.outputs[0].shape[1]
    assert names[:3] == ["_silence_", "_unknown_", "yes"]
