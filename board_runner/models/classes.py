"""What all models of classes make of their logits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from board_runner.contract import Array, Tensors
from board_runner.errors import ModelError
from board_runner.models.base import Decision


def only_output(outputs: Sequence[Tensors], model: str) -> Array:
    """The one tensor of the one run; raises ModelError, which names `model`, where there is more or less."""
    if len(outputs) != 1 or len(outputs[0]) != 1:
        raise ModelError(f"{model} gives one output tensor of one run")
    return np.asarray(next(iter(outputs[0].values())))


def class_scores(output: Array) -> Array:
    """One vector of logits, float32; raises ModelError unless it has two classes and is finite."""
    logits = np.asarray(output, np.float32).reshape(-1)
    if logits.size < 2 or not np.isfinite(logits).all():
        raise ModelError("the model's output is no vector of finite class scores")
    return logits


def best_class(output: Array) -> Decision:
    """The class with the largest logit, the first of equals; `score` is its softmax, `margin` in logits.

    Raises ModelError as `class_scores` does.
    """
    logits = class_scores(output)
    best = int(np.argmax(logits))
    powers = np.exp(logits - logits[best])
    second = np.partition(logits, -2)[-2]
    return Decision(class_id=best, score=float(1 / powers.sum()), margin=float(logits[best]) - float(second))
