"""What a clip's runs said, in the words of every table: class names, an embedding's figures, a transcript."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from board_runner.models import units
from deployer.labels import shown
from deployer.logs.said import Embedded, Heard
from deployer.records import Answer

_EPSILON = "ε"
"""Nothing was heard."""


class Answered(Protocol):
    """A clip with all its answers: class ids, or those of a model without classes. Most frequent first."""

    @property
    def class_ids(self) -> tuple[int, ...]: ...
    @property
    def answers(self) -> tuple[Answer, ...]: ...


def says(clip: Answered, labels: Sequence[str]) -> str:
    """Every answer of a clip, most frequent first."""
    classes = [shown(class_id, labels) for class_id in clip.class_ids]
    return " / ".join([*classes, *(in_words(answer, labels) for answer in clip.answers)])


def in_words(answer: Answer, labels: Sequence[str] = ()) -> str:
    """`norm 12.3456, offline cosine 1.000000 (same bits)`, or what was heard: text where the units are known."""
    if isinstance(answer.said, Embedded):
        return f"norm {norm(answer.said):.6g}{_beside_offline(answer)}"
    assert isinstance(answer.said, Heard)
    tokens = answer.said.tokens
    known = all(token < len(labels) for token in tokens)
    text = units.text(tokens, labels) if known else " ".join(map(str, tokens))
    differs = ", the offline simulator hears another" if answer.offline_equal is False else ""
    return (text or _EPSILON) + differs


def norm(said: Embedded) -> float:
    """The Euclidean length of an embedding as it came out of the network."""
    return math.hypot(*said.values)


def _beside_offline(answer: Answer) -> str:
    if answer.offline_cosine is None:
        return ""
    bits = "same bits" if answer.offline_equal else "other bits"
    return f", offline cosine {answer.offline_cosine:.6f} ({bits})"
