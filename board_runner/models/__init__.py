"""The models by name; each is a module that satisfies `base.AudioModel`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from board_runner.errors import UsageError

if TYPE_CHECKING:  # the names alone are asked for without numpy
    from board_runner.models.base import AudioModel

NAMES = ("eat", "ecapa", "efficientat", "kws", "wenet")


def get(name: str) -> AudioModel:
    """The module of the model `name`; raises UsageError for one we do not have."""
    if name not in NAMES:
        raise UsageError(f"unknown model {name!r}", hint=f"known models: {', '.join(NAMES)}")
    return cast("AudioModel", import_module(f"board_runner.models.{name}"))
