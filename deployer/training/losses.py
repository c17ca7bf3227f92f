"""The losses of training; those of unequal classes stand in `deployer.export.efficientat_losses`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from deployer.export import efficientat_losses
from deployer.training.recipes import Recipe
from deployer.training.settings import MixLoss

Loss = Callable[[Any, Tensor], Tensor]
"""What the network gives, class ids (N,) -> the loss."""


def logits_of(output: Any) -> Tensor:
    """The logits (N, C) of what a network gives, features beside them or not."""
    return output[0] if isinstance(output, tuple) else output


def label_smooth(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Cross entropy with 1 - smoothing + smoothing / C for the class and smoothing / C for the others.

    Logits (N, C), class ids (N,); mean over clips (arXiv 1512.00567, section 7).
    """
    return functional.cross_entropy(logits, targets, label_smoothing=smoothing)


def of_mixed(logits: Tensor, shares: Tensor, kind: MixLoss) -> Tensor:
    """The loss of a mixed batch, logits and shares both (N, C).

    `bce`: each class is a question of its own, -s log p - (1 - s) log(1 - p), mean over clips and classes;
    `ce`: minus the sum of s log softmax, mean over clips.
    """
    if kind == "bce":
        return functional.binary_cross_entropy_with_logits(logits, shares)
    return functional.cross_entropy(logits, shares)


def of_model(recipe: Recipe, *, smoothing: float, counts: Sequence[int], device: torch.device) -> Loss:
    """The loss of batches that are not mixed. `counts` are the training clips of each class.

    Raises UsageError for a class-balanced loss where a class has no clips.
    """
    if recipe.loss == "label_smooth":
        return lambda output, targets: label_smooth(logits_of(output), targets, smoothing)
    weights = efficientat_losses.class_weights(counts).to(device)

    def balanced(output: Any, targets: Tensor) -> Tensor:
        logits, features = output
        return efficientat_losses.combined(logits.float(), features.float(), targets, weights)

    return balanced
