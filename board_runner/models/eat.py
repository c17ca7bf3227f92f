"""EAT: one clip of 114688 samples at 22.05 kHz, one vector of class scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from board_runner.contract import Array, InputContract, Tensors, TensorSpec
from board_runner.errors import InputError, ModelError
from board_runner.models.base import Decision
from board_runner.models.classes import best_class, class_scores, only_output

METRIC = "accuracy"
CARRY: Mapping[str, str] = {}

SAMPLES = 114688
PEAK = 0.95


def contract() -> InputContract:
    """EAT-S as shipped: 50 classes of ESC-50."""
    return InputContract(
        model="eat",
        sample_rate_hz=22050,
        inputs=(TensorSpec(name="images", dtype="float32", shape=(1, 1, SAMPLES)),),
        outputs=(TensorSpec(name="output", dtype="float32", shape=(1, 50)),),
        front_end={"peak": PEAK, "samples": SAMPLES},
    )


def chunks(samples: Array, contract: InputContract) -> Iterator[Tensors]:
    """Mono float32 (n,) -> the one input tensor.

    `front_end` states `peak` and `samples`. See `scale` for the order of operations.
    Raises InputError for an empty clip, ModelError for a contract that is not EAT's.
    """
    try:
        peak = float(contract.front_end["peak"])
        count = int(contract.front_end["samples"])
        (spec,) = contract.inputs
    except (KeyError, ValueError) as e:
        raise ModelError(f"not a contract of EAT's front end: {e}") from e
    if int(np.prod(spec.shape)) != count:
        raise ModelError(f"input {spec.name!r} is {list(spec.shape)}, the front end makes {count} samples")
    clip = np.zeros(count, np.float32)
    scaled = scale(samples, peak)[:count]
    clip[: scaled.size] = scaled
    yield {spec.name: clip.reshape(spec.shape)}


def scale(samples: Array, peak: float) -> Array:
    """Bring the largest magnitude of the whole clip to `peak`; silence stays silence.

    Single float32 operations in this order, so that every implementation gives the same bits:
    m = max|x|, y = x * float32(peak), z = y / m.
    """
    if samples.ndim != 1 or samples.size == 0:
        raise InputError("no samples: the clip is empty" if samples.size == 0 else "the clip is not mono")
    x = samples.astype(np.float32, copy=False)
    largest = np.max(np.abs(x))
    if largest == 0:
        return np.zeros_like(x)
    scaled: Array = (x * np.float32(peak)) / largest
    return scaled


def scores(outputs: Sequence[Tensors]) -> Array:
    """The logits, (classes,).

    Raises ModelError when there is not one output of one finite vector of at least two classes.
    """
    return class_scores(only_output(outputs, "EAT"))


def decode(outputs: Sequence[Tensors]) -> Decision:
    """The class with the largest logit, the first of equals; `score` is its softmax, `margin` in logits.

    Raises ModelError as `scores` does.
    """
    return best_class(scores(outputs))
