"""Scores that are the same everywhere."""

from __future__ import annotations

import numpy as np

from board_runner.contract import Array


def scored() -> tuple[Array, Array]:
    """600 scores, many of them equal, and which are of targets; integers times a constant, so exact anywhere."""
    numbers = (np.arange(600) * 7919) % 601
    target = numbers % 5 == 0
    return ((numbers * 31) % 97 + 40 * target) / 64.0, target
