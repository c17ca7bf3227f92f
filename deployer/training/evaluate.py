"""How often a network is right on held-out clips, which it hears as the board does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from deployer.training.batches import Batch
from deployer.training.losses import logits_of


@dataclass(frozen=True, kw_only=True)
class Score:
    """Share of clips that are named rightly, and the mean cross entropy over all of them."""

    clips: int
    accuracy: float
    loss: float

    def beats(self, other: Score | None) -> bool:
        """Whether it is right more often, or as often with a lower loss."""
        return other is None or (self.accuracy, -self.loss) > (other.accuracy, -other.loss)


def score(network: nn.Module, batches: Iterable[Batch], device: torch.device) -> Score:
    """The network's score over batches of at least one clip; the network is put into evaluation mode."""
    network.eval()
    clips = right = 0
    loss = 0.0
    for inputs, truth in batches:
        targets = torch.from_numpy(truth).to(device)
        with torch.no_grad():
            logits = logits_of(network(torch.from_numpy(inputs).to(device))).float()
        clips += len(truth)
        right += int((logits.argmax(dim=1) == targets).sum())
        loss += float(functional.cross_entropy(logits, targets, reduction="sum"))
    return Score(clips=clips, accuracy=right / clips, loss=loss / clips)
