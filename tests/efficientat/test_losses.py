"""The two losses of training, held against the published formulas written out term by term."""

from __future__ import annotations

import math

import pytest

from board_runner.errors import UsageError

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from deployer.export.efficientat_losses import (  # noqa: E402
    class_balanced,
    class_weights,
    combined,
    supervised_contrast,
)

pytestmark = pytest.mark.torch

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3], [-2.0, 1.0, 4.0], [0.0, 3.0, 0.0]])
FEATURES = torch.tensor([[1.0, 2.0], [0.5, -1.0], [2.0, 0.3], [-1.0, 0.2]])
TARGETS = torch.tensor([0, 1, 0, 2])


def test_weights_are_inverse_to_the_effective_number_of_clips() -> None:
    """(1 - beta) / (1 - beta^n), with a mean of one: from inverse counts (beta near 1) to none (beta 0)."""
    counts = [14562, 2942, 9007]
    raw = [(1 - 0.9999) / (1 - 0.9999**n) for n in counts]
    assert class_weights(counts).tolist() == pytest.approx([3 * r / sum(raw) for r in raw], rel=1e-5)
    assert class_weights(counts, beta=0.0).tolist() == pytest.approx([1, 1, 1])
    rare = class_weights([1, 10], beta=1 - 1e-9)
    assert float(rare[0] / rare[1]) == pytest.approx(10, rel=1e-4)
    for wrong in ([], [3, 0]):
        with pytest.raises(UsageError, match="class-balanced"):
            class_weights(wrong)


def test_the_balanced_loss_is_weight_times_cross_entropy() -> None:
    """Mean over the clips of weight[y] (log sum exp - logit[y]), not over the weights."""
    weights = class_weights([100, 10, 1000])
    total = 0.0
    for row, target in zip(LOGITS.tolist(), TARGETS.tolist(), strict=True):
        entropy = math.log(sum(math.exp(value) for value in row)) - row[target]
        total += float(weights[target]) * entropy
    assert float(class_balanced(LOGITS, TARGETS, weights)) == pytest.approx(total / 4, rel=1e-5)


def test_the_contrast_is_the_papers_sum() -> None:
    """-1/|P| sum over positives of log exp(z z' / T) / sum over all others, for clips that have a positive."""
    unit = [[v / math.hypot(*row) for v in row] for row in FEATURES.tolist()]

    def likeness(i: int, j: int) -> float:
        return math.exp(sum(a * b for a, b in zip(unit[i], unit[j], strict=True)) / 0.07)

    terms = []
    for i, j in ((0, 2), (2, 0)):  # the only two clips of one class
        terms.append(-math.log(likeness(i, j) / sum(likeness(i, k) for k in range(4) if k != i)))
    assert float(supervised_contrast(FEATURES, TARGETS)) == pytest.approx(sum(terms) / 2, rel=1e-4)


def test_without_a_pair_there_is_no_contrast() -> None:
    """A batch of as many classes as clips gives 0, with gradients of 0 rather than NaN."""
    features = FEATURES.clone().requires_grad_()
    loss = supervised_contrast(features, torch.arange(4))
    loss.backward()
    assert loss.item() == 0
    assert float(features.grad.abs().max()) == 0


def test_the_gradient_pulls_a_class_together() -> None:
    """A small step down brings the two clips of one class nearer to each other; all gradients are finite."""
    features = FEATURES.clone().requires_grad_()
    weights = torch.ones(3)
    loss = combined(LOGITS, features, TARGETS, weights)
    parts = class_balanced(LOGITS, TARGETS, weights), supervised_contrast(features, TARGETS)
    assert loss.item() == pytest.approx(0.8 * parts[0].item() + 0.2 * parts[1].item())
    loss.backward()
    assert bool(features.grad.isfinite().all())
    moved = features.detach() - 0.02 * features.grad
    alike = [float(torch.cosine_similarity(x[0], x[2], dim=0)) for x in (features.detach(), moved)]
    assert alike[1] > alike[0]
