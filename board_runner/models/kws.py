"""Keyword spotting: one second at 16 kHz, 49 frames of 10 MFCC, one score a word.

The networks are CNN and DS-CNN of "Hello Edge: Keyword Spotting on Microcontrollers" (arXiv 1711.07128).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from board_runner.contract import Array, InputContract, Tensors, TensorSpec
from board_runner.errors import InputError, ModelError
from board_runner.frontends.mfcc import Mfcc
from board_runner.models.base import Decision
from board_runner.models.classes import best_class, class_scores, only_output

METRIC = "accuracy"
CARRY: Mapping[str, str] = {}

INPUT, OUTPUT = "mfcc", "logits"
CLASSES = 12


def contract(*, front_end: Mfcc | None = None, classes: int = CLASSES) -> InputContract:
    """The 12 classes of speech commands; another `front_end` or class count for another training."""
    mfcc = front_end or Mfcc()
    return InputContract(
        model="kws",
        sample_rate_hz=mfcc.sample_rate_hz,
        inputs=(TensorSpec(name=INPUT, dtype="float32", shape=(1, 1, *mfcc.shape)),),
        outputs=(TensorSpec(name=OUTPUT, dtype="float32", shape=(1, classes)),),
        front_end=mfcc.as_front_end(),
    )


def chunks(samples: Array, contract: InputContract) -> Iterator[Tensors]:
    """Mono float32 (n,) -> the one input tensor (1, 1, frames, coefficients).

    A clip of another length is cut or filled with silence at its end; its level stays as it is.
    Raises InputError for an empty clip, ModelError for a contract that is not this front end's.
    """
    mfcc = Mfcc.of(contract.front_end, contract.sample_rate_hz)
    if len(contract.inputs) != 1:
        raise ModelError(f"not a contract of keyword spotting: {len(contract.inputs)} inputs")
    spec = contract.inputs[0]
    if int(np.prod(spec.shape)) != int(np.prod(mfcc.shape)):
        raise ModelError(
            f"input {spec.name!r} is {list(spec.shape)}, the front end makes {list(mfcc.shape)} features"
        )
    if samples.size == 0:
        raise InputError("no samples: the clip is empty")
    yield {spec.name: mfcc.features(samples).reshape(spec.shape)}


def scores(outputs: Sequence[Tensors]) -> Array:
    """The logits, (classes,).

    Raises ModelError when there is not one output of one finite vector of at least two classes.
    """
    return class_scores(only_output(outputs, "keyword spotting"))


def decode(outputs: Sequence[Tensors]) -> Decision:
    """The class with the largest logit, the first of equals; `score` is its softmax, `margin` in logits.

    Raises ModelError as `scores` does.
    """
    return best_class(scores(outputs))
