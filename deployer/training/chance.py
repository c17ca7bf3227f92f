"""All that is drawn, by what it is drawn for: nothing depends on what was drawn before, so nothing need be kept."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class For(IntEnum):
    """What a number is drawn for."""

    ORDER = 0
    CLIP = 1
    MIX = 2
    NETWORK = 3
    WEIGHTS = 4


def generator(seed: int, purpose: For, *place: int) -> np.random.Generator:
    """The source of chance of one purpose at one place (epoch, clip or step): the same for the same arguments."""
    return np.random.default_rng([seed, int(purpose), *place])


def torch_seed(seed: int, purpose: For, *place: int) -> int:
    """The same for PyTorch's own generator."""
    return int(generator(seed, purpose, *place).integers(2**63))
