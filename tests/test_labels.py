"""Names of classes: a model gets those that fit it, and no others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from board_runner.contract import InputContract
from board_runner.models import eat
from deployer import labels
from deployer.errors import ConfigError, MissingArtifact
from deployer.settings.config import ModelSection


def _contract(classes: int) -> Callable[[], InputContract]:
    shipped = eat.contract()
    return lambda: replace(shipped, outputs=(replace(shipped.outputs[0], shape=(1, classes)),))


def _asked_in_vain() -> InputContract:
    raise MissingArtifact("not exported yet")


def test_names_that_nobody_chose_are_not_put_on_another_model() -> None:
    """A checkpoint of 7 classes is not told in ESC-50's names: its classes have numbers alone."""
    section = ModelSection(name="eat", checkpoint=Path("trained"))
    known = labels.load(section, Path())
    assert labels.fitting(known, section, _contract(50)) == known
    assert labels.fitting(known, section, _asked_in_vain) == known
    numbers = labels.fitting(known, section, _contract(7))
    assert [labels.shown(class_id, numbers) for class_id in (0, 6, 7)] == ["0", "6", "7"]


def test_names_that_were_chosen_must_be_as_many_as_classes() -> None:
    """Too few or too many end in a message with both numbers; no names are right for any model."""
    section = ModelSection(name="eat", onnx=Path("a.onnx"), labels=["a", "b", "c"])
    assert labels.fitting(["a", "b", "c"], section, _contract(3)) == ["a", "b", "c"]
    assert labels.fitting([], section, _contract(3)) == []
    for classes in (2, 4):
        with pytest.raises(ConfigError, match=f"3 names, the model {classes} classes"):
            labels.fitting(["a", "b", "c"], section, _contract(classes))


def test_the_shipped_model_and_a_ready_image_are_not_read_for_their_names() -> None:
    """Neither costs a look into a model file."""
    for section in (ModelSection(name="eat"), ModelSection(name="eat", image=Path("eat.img"))):
        assert len(labels.fitting(labels.load(section, Path()), section, _asked_in_vain)) == 50
