"""What EfficientAT is trained with on unequal classes: class-balanced cross entropy and supervised contrast."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from board_runner.errors import UsageError

BETA = 0.9999
TEMPERATURE = 0.07
BALANCED_SHARE = 0.8


def class_weights(counts: Sequence[int], *, beta: float = BETA) -> Tensor:
    """(1 - beta) / (1 - beta^n) for each class of n clips, scaled to a mean of 1 (arXiv 1901.05555, eq. 2).

    Raises UsageError for a class without clips or a beta outside 0 to 1.
    """
    if not counts or min(counts) < 1 or not 0 <= beta < 1:
        raise UsageError(f"class-balanced weights for beta {beta} and counts {list(counts)}")
    powers = torch.tensor(beta, dtype=torch.float64) ** torch.tensor(counts, dtype=torch.float64)
    weights = (1 - beta) / (1 - powers)
    return (weights * len(counts) / weights.sum()).float()


def class_balanced(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Mean over clips of weight[target] times softmax cross entropy: logits (N, C), targets (N,), weights (C,).

    Divided by the number of clips, not by the sum of their weights: a batch of common classes counts for less.
    """
    each = functional.cross_entropy(logits, targets, reduction="none")
    return (weights[targets] * each).mean()


def supervised_contrast(features: Tensor, targets: Tensor, *, temperature: float = TEMPERATURE) -> Tensor:
    """L_out of supervised contrastive learning (arXiv 2004.11362, eq. 2): features (N, D), targets (N,).

    Features are brought to length 1. Mean over the clips that share their class with another; 0 if none does.
    """
    unit = functional.normalize(features, dim=1)
    itself = torch.eye(len(targets), dtype=torch.bool, device=targets.device)
    alike = (targets[:, None] == targets[None]) & ~itself
    similarity = (unit @ unit.T / temperature).masked_fill(itself, float("-inf"))
    log_share = similarity - torch.logsumexp(similarity, dim=1, keepdim=True)
    anchors = alike.any(dim=1)
    if not bool(anchors.any()):
        return features.sum() * 0
    sums = log_share.masked_fill(~alike, 0.0)[anchors].sum(dim=1)
    return -(sums / alike[anchors].sum(dim=1)).mean()


def combined(
    logits: Tensor, features: Tensor, targets: Tensor, weights: Tensor, *, share: float = BALANCED_SHARE
) -> Tensor:
    """`share` of the class-balanced loss, the rest of the contrast of the features."""
    balanced = class_balanced(logits, targets, weights)
    return share * balanced + (1 - share) * supervised_contrast(features, targets)
