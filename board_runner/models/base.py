"""What differs between models, and the one loop that runs any of them on any engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from board_runner.contract import Array, InputContract, Tensors
from board_runner.engine import Engine
from board_runner.errors import ModelError


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a classifier says of one clip. `margin` is best minus second-best score."""

    class_id: int
    score: float
    margin: float


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """What a network says of one clip that has no classes: a direction, `vector` of length 1."""

    vector: tuple[float, ...]

    @classmethod
    def of(cls, values: Array) -> Embedding:
        """The direction of any values (n,). Raises ModelError where they are not finite, or have none."""
        vector = np.asarray(values, np.float64).reshape(-1)
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0:
            raise ModelError("the model's embedding is not finite, or zero")
        return cls(vector=tuple(float(value) for value in vector / length))


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """What a recogniser heard in one clip: token numbers, and the natural logarithm of their likelihood."""

    tokens: tuple[int, ...]
    score: float


Answer: TypeAlias = Decision | Embedding | Transcript


class AudioModel(Protocol):
    """One model, satisfied by a module of `board_runner.models`. A one-shot model is a stream of one chunk.

    `CARRY` maps an output's name to the input that receives it with the next chunk. A model that tells classes
    apart has `scores` as well: see `Classifier`.
    """

    CARRY: Mapping[str, str]
    METRIC: str

    def contract(self) -> InputContract:
        """The contract of this model as shipped; an artefact's own contract goes before it."""
        ...

    def chunks(self, samples: Array, contract: InputContract) -> Iterator[Tensors]:
        """Mono float32 samples at the contract's rate -> the inputs of each run, in order."""
        ...

    def decode(self, outputs: Sequence[Tensors]) -> Answer:
        """The outputs of each run -> what the model says of the whole clip."""
        ...


@runtime_checkable
class Classifier(Protocol):
    """What a model of classes has beside the rest of `AudioModel`."""

    def scores(self, outputs: Sequence[Tensors]) -> Array:
        """The outputs of each run -> finite scores by class, float32 (classes,), of which softmax makes shares.

        `decode` of the same outputs names the largest. Raises ModelError as `decode` does.
        """
        ...


@runtime_checkable
class Embedder(Protocol):
    """What a model of embeddings has beside the rest of `AudioModel`."""

    def embedding(self, outputs: Sequence[Tensors]) -> Array:
        """The outputs of each run -> the embedding as it came out of the network, float32 (n,).

        `decode` of the same outputs is `Embedding.of` it. Raises ModelError as `decode` does.
        """
        ...


@runtime_checkable
class Streamed(Protocol):
    """What a model has beside the rest of `AudioModel` that hears a clip in several runs."""

    def real(self, chunk: Tensors, outputs: Tensors) -> Tensors:
        """The outputs of a run on `chunk` without what only filled it up."""
        ...

    def whole(self, outputs: Sequence[Tensors]) -> Tensors:
        """The answers of all runs as those of the whole clip, without state."""
        ...


def runs(
    model: AudioModel, engine: Engine, samples: Array, contract: InputContract
) -> Iterator[tuple[Tensors, Tensors]]:
    """Run every chunk of one clip, carrying the state that the model names; each run's inputs and outputs."""
    state: dict[str, Array] = {}
    for chunk in model.chunks(samples, contract):
        given = {**chunk, **state}
        out = engine.run(given)
        yield given, out
        state = {model.CARRY[name]: value for name, value in out.items() if name in model.CARRY}


def run_model(model: AudioModel, engine: Engine, samples: Array, contract: InputContract) -> list[Tensors]:
    """Run every chunk of one clip, carrying the state that the model names; gives each run's outputs."""
    done = runs(model, engine, samples, contract)
    return [model.real(given, out) if isinstance(model, Streamed) else out for given, out in done]
