"""The learning rate of every step, and what else follows the course of a training."""

from __future__ import annotations

import math

PCT_START = 0.1
START_DIVISOR = 25.0
END_DIVISOR = 1e4
HOTTEST = 30.0
COOLING_EPOCHS = 10


def one_cycle(step: int, total: int, max_lr: float) -> float:
    """The rate of step 0 to `total` - 1: a cosine up for a tenth of the steps, a cosine down for the rest.

    From max_lr / 25 to max_lr, then to max_lr / 250 000 (the one-cycle policy, arXiv 1708.07120, with cosines).
    """
    start = max_lr / START_DIVISOR
    end = start / END_DIVISOR
    top = PCT_START * total - 1
    if step <= top:
        return _cosine(start, max_lr, step / top if top else 1.0)
    return _cosine(max_lr, end, (step - top) / (total - 1 - top))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


def ema_decay(step: int, decay: float) -> float:
    """min(decay, (1 + step) / (10 + step)): the average does not keep the first, random weights for long."""
    return min(decay, (1 + step) / (10 + step))


def momentum(step: int, own: float) -> float:
    """Of a batch normalisation's statistics: its own, but more in the first steps, as with `ema_decay`.

    With 0.01 alone, EfficientAT's, a thousand steps go by before what they were initialised with is forgotten.
    """
    return 1 - ema_decay(step, 1 - own)


def temperature(epoch: int, epochs: int) -> float:
    """Of dynamic convolutions in epoch 0, 1, ...: 30, falling linearly to 1 (arXiv 1912.03458, section 3.3).

    It takes 10 epochs, or half of a training that has fewer than 20.
    """
    cooling = min(COOLING_EPOCHS, epochs // 2)
    return HOTTEST - (HOTTEST - 1) * epoch / cooling if epoch < cooling else 1.0
