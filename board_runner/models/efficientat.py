"""Environmental sounds by EfficientAT's MN and DyMN: two seconds at 32 kHz, 128 mel channels by 200 frames.

The networks are those of arXiv 2211.04772 and 2310.15648. Two outputs: class scores and the pooled features.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from board_runner.contract import Array, InputContract, Tensors, TensorSpec
from board_runner.errors import InputError, ModelError
from board_runner.frontends.logmel import LogMel
from board_runner.models.base import Decision
from board_runner.models.classes import best_class, class_scores

METRIC = "accuracy"
CARRY: Mapping[str, str] = {}

INPUT, LOGITS, FEATURES = "mel", "logits", "features"
CLASSES = 50
WIDTH = 960
"""Features of a network of width 1.0."""


def contract(
    *, front_end: LogMel | None = None, classes: int = CLASSES, features: int = WIDTH
) -> InputContract:
    """MN or DyMN of width 1.0 for ESC-50; another front end, class count or number of features where given."""
    mel = front_end or LogMel()
    return InputContract(
        model="efficientat",
        sample_rate_hz=mel.sample_rate_hz,
        inputs=(TensorSpec(name=INPUT, dtype="float32", shape=(1, 1, *mel.shape)),),
        outputs=(
            TensorSpec(name=LOGITS, dtype="float32", shape=(1, classes)),
            TensorSpec(name=FEATURES, dtype="float32", shape=(1, features)),
        ),
        front_end=mel.as_front_end(),
    )


def chunks(samples: Array, contract: InputContract) -> Iterator[Tensors]:
    """Mono float32 (n,) -> the one input tensor (1, 1, channels, frames), by the contract's own variant.

    A longer clip gives its middle, a shorter one is filled with silence at its end; its level stays as it is.
    Raises InputError for an empty clip, ModelError for a contract that is not this front end's.
    """
    mel = LogMel.of(contract.front_end, contract.sample_rate_hz)
    if len(contract.inputs) != 1:
        raise ModelError(f"not a contract of EfficientAT: {len(contract.inputs)} inputs")
    spec = contract.inputs[0]
    if spec.shape != (1, 1, *mel.shape):
        raise ModelError(
            f"input {spec.name!r} is {list(spec.shape)}, the front end makes {[1, 1, *mel.shape]}",
            hint="mel channels come before frames",
        )
    if samples.size == 0:
        raise InputError("no samples: the clip is empty")
    yield {spec.name: mel.features(samples).reshape(spec.shape)}


def scores(outputs: Sequence[Tensors]) -> Array:
    """The logits, (classes,).

    Raises ModelError when there is not one run with an output `logits`, finite and of at least two classes.
    """
    if len(outputs) != 1:
        raise ModelError("EfficientAT gives its outputs in one run")
    if LOGITS not in outputs[0]:
        raise ModelError(f"no output {LOGITS!r} among {', '.join(sorted(outputs[0])) or 'none'}")
    return class_scores(np.asarray(outputs[0][LOGITS]))


def decode(outputs: Sequence[Tensors]) -> Decision:
    """The class with the largest logit, the first of equals; `score` is its softmax, `margin` in logits.

    Raises ModelError as `scores` does.
    """
    return best_class(scores(outputs))
