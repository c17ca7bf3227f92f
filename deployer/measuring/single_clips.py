"""One clip that became slower by itself: in the mean over all clips it hardly shows.

Each clip's runs, divided by the change of all clips together, are held against the baseline's by Mann and
Whitney's test. The p values are multiplied by the number of clips (Bonferroni), so that in at most 5 % of all
comparisons a clip is named without a cause, however many clips there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Sides = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""Clip -> its times in the baseline and now, in milliseconds."""

_P = 0.05


def slower(sides: Sides, *, effect: float, limit: float) -> dict[str, float]:
    """Clip -> by how much it is slower (0.05 is 5 %), where that is `limit` beyond all clips' `effect`."""
    from scipy import stats

    found: dict[str, float] = {}
    for clip, (before, now) in sides.items():
        own = float(np.median(now) / np.median(before)) - 1
        if len(sides) < 2 or (1 + own) / (1 + effect) - 1 <= limit:
            continue
        rest = np.asarray(now) / (1 + effect)
        if stats.mannwhitneyu(rest, before, alternative="greater").pvalue * len(sides) < _P:
            found[clip] = own
    return found


def note(found: Mapping[str, float]) -> list[str]:
    """The worst clip in words, and how many there are; nothing for none."""
    if not found:
        return []
    worst = max(found, key=lambda clip: found[clip])
    others = f", and {len(found) - 1} more clips" if len(found) > 1 else ""
    return [f"{worst} by itself is {found[worst]:.1%} slower{others}: the mean over all clips hides it"]
