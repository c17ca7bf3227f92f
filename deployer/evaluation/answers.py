"""What a stage said of a clip, and the line of JSON that keeps it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np

from board_runner.contract import Array
from board_runner.models.base import Embedding, Transcript


@dataclass(frozen=True, kw_only=True)
class Scores:
    """A score a class, float32 (classes,): softmax makes shares of them."""

    values: Array

    @property
    def class_id(self) -> int:
        """The class with the largest score, the first of equals."""
        return int(np.argmax(self.values))

    def margin(self, class_id: int) -> float:
        """By how much a class leads the best of the others; below zero where it does not lead."""
        others = np.delete(self.values, class_id)
        return float(self.values[class_id]) - float(others.max())

    def rank(self, class_id: int) -> int:
        """How many classes come before this one; of equals the first comes first."""
        own = self.values[class_id]
        return int((self.values > own).sum() + (self.values[:class_id] == own).sum())

    @property
    def shares(self) -> Array:
        """Softmax, float64 (classes,)."""
        powers = np.exp(self.values.astype(np.float64) - float(self.values.max()))
        return np.asarray(powers / powers.sum())


@dataclass(frozen=True, kw_only=True)
class ClassOnly:
    """A class and nothing else: what the vendor's board program prints."""

    class_id: int


@dataclass(frozen=True, kw_only=True)
class Timed(Transcript):
    """What a board program heard, and how long the model and what follows it ran on so much audio."""

    busy_ms: float
    first_chunk_ms: float
    audio_s: float


@dataclass(frozen=True, kw_only=True)
class NoAnswer:
    """Why there is none: a clip that cannot be read, a program that fails on it. Never kept."""

    reason: str


Answer: TypeAlias = Scores | ClassOnly | Embedding | Transcript


def to_line(key: str, clip: str, answer: Answer) -> str:
    """One line, its end included; `key` comes first, so that it can be found without reading the rest."""
    return json.dumps({"key": key, "clip": clip, **_fields(answer)}) + "\n"


def from_line(line: str) -> Answer:
    """Raises ValueError for what `to_line` did not write."""
    fields = json.loads(line)
    match fields:
        case {"scores": list(values)}:
            return Scores(values=np.array(values, np.float32))
        case {"class_id": int(found)}:
            return ClassOnly(class_id=found)
        case {"vector": list(values)}:
            return Embedding(vector=tuple(float(value) for value in values))
        case {"tokens": list(tokens), "score": float(score), "busy_ms": float(busy_ms)}:
            return Timed(
                tokens=tuple(int(token) for token in tokens),
                score=score,
                busy_ms=busy_ms,
                first_chunk_ms=float(fields["first_chunk_ms"]),
                audio_s=float(fields["audio_s"]),
            )
        case {"tokens": list(tokens), "score": float(score)}:
            return Transcript(tokens=tuple(int(token) for token in tokens), score=score)
    raise ValueError("no answer that is known here")


def _fields(answer: Answer) -> dict[str, Any]:
    match answer:
        case Scores(values=values):
            return {"scores": [_shortest(value) for value in values]}
        case ClassOnly(class_id=found):
            return {"class_id": found}
        case Embedding(vector=vector):
            return {"vector": list(vector)}
        case Timed():
            return {**asdict(answer), "tokens": list(answer.tokens)}
        case Transcript(tokens=tokens, score=score):
            return {"tokens": list(tokens), "score": score}


def _shortest(value: Any) -> float:
    """The double whose digits are the fewest that give the same float32."""
    return float(np.format_float_scientific(np.float32(value)))
