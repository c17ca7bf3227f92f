"""When a bench that ends by itself looks at what it has: ever more seldom, for each look is another chance to err.

To look after each run would find a lucky moment sooner or later: a sample whose interval is narrow by chance.
"""

from __future__ import annotations

import math

from deployer.measuring.intervals import BOOTSTRAP_FROM

GROWTH = 1.2
"""How many times as many runs there are at the next look."""


class Looks:
    """Counts them. The first is at BOOTSTRAP_FROM runs."""

    def __init__(self) -> None:
        self._next = BOOTSTRAP_FROM

    def due(self, runs: int) -> bool:
        """Whether to look now, after so many runs that count; if so, the next look is later."""
        if runs < self._next:
            return False
        self._next = math.ceil(GROWTH * runs)
        return True
