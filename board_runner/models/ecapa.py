"""ECAPA-TDNN: two seconds at 16 kHz in, an embedding of the speaker out (arXiv 2005.07143).

There are no classes. What two clips have in common is the cosine of their embeddings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from board_runner.contract import Array, InputContract, Tensors, TensorSpec
from board_runner.errors import ModelError
from board_runner.frontends.speaker_mel import SpeakerMel
from board_runner.models.base import Embedding

METRIC = "equal error rate"
CARRY: Mapping[str, str] = {}

INPUT, OUTPUT, ATTENTION = "mel", "embedding", "attention"
WIDTH = 192
POOLED = 1536


def contract(
    *, front_end: SpeakerMel | None = None, width: int = WIDTH, pooled: int = POOLED
) -> InputContract:
    """The seed's sizes; another `front_end` or width for another training."""
    mel = front_end or SpeakerMel()
    return InputContract(
        model="ecapa",
        sample_rate_hz=mel.sample_rate_hz,
        inputs=(TensorSpec(name=INPUT, dtype="float32", shape=(1, *mel.shape)),),
        outputs=(
            TensorSpec(name=OUTPUT, dtype="float32", shape=(1, width)),
            TensorSpec(name=ATTENTION, dtype="float32", shape=(1, mel.frames, pooled)),
        ),
        front_end=mel.as_front_end(),
    )


def chunks(samples: Array, contract: InputContract) -> Iterator[Tensors]:
    """Mono float32 (n,) -> the one input tensor (1, channels, frames).

    Of a longer clip the middle is taken, a shorter one is filled up as `SpeakerMel.window` says.
    Raises InputError for an empty clip, ModelError for a contract that is not this front end's.
    """
    mel = front_end(contract)
    spec = contract.inputs[0]
    yield {spec.name: mel.features(samples).reshape(spec.shape)}


def front_end(contract: InputContract) -> SpeakerMel:
    """The front end of a contract; raises ModelError unless its features are what the input takes."""
    mel = SpeakerMel.of(contract.front_end, contract.sample_rate_hz)
    if len(contract.inputs) != 1:
        raise ModelError(f"not a contract of a speaker embedding: {len(contract.inputs)} inputs")
    spec = contract.inputs[0]
    if int(np.prod(spec.shape)) != int(np.prod(mel.shape)):
        raise ModelError(
            f"input {spec.name!r} is {list(spec.shape)}, the front end makes {list(mel.shape)} features"
        )
    return mel


def decode(outputs: Sequence[Tensors]) -> Embedding:
    """The embedding at length 1. Raises ModelError where it is missing, not finite, or has no direction."""
    return Embedding.of(embedding(outputs))


def embedding(outputs: Sequence[Tensors]) -> Array:
    """The embedding as it came out of the network, float32 (width,). Raises ModelError where it is missing."""
    if len(outputs) != 1 or OUTPUT not in outputs[0]:
        raise ModelError(f"a speaker embedding is the output {OUTPUT!r} of one run")
    return np.asarray(outputs[0][OUTPUT], np.float32).reshape(-1)
