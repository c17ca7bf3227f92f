"""How fast something gets on, and how long the rest takes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Units a second, and the seconds that are left; None without a known end."""

    per_s: float
    left_s: float | None


class Pace:
    """The rate over the latest `window` results, so that what was slow at first does not weigh for ever."""

    def __init__(self, total: int | None, *, window: int = 32) -> None:
        self._total = total
        self._seen: deque[tuple[int, float]] = deque(maxlen=window)

    def measured(self, done: int, now_s: float) -> Rate | None:
        """None until there are two results to tell a pace from; `now_s` never goes back."""
        self._seen.append((done, now_s))
        first, since_s = self._seen[0]
        if done <= first or now_s <= since_s:
            return None
        per_s = (done - first) / (now_s - since_s)
        return Rate(per_s=per_s, left_s=None if self._total is None else (self._total - done) / per_s)

    def told(self, done: int, now_s: float) -> str:
        """For a bar's note: `clips` alone until there is a rate."""
        rate = self.measured(done, now_s)
        if rate is None or rate.left_s is None:
            return "clips"
        return f"clips, {rate.per_s:.3g} a second, {rate.left_s:.0f} s left"
