"""What is run in which order: clips interleaved, so that drift touches all alike, and two variants turn about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from board_runner.errors import UsageError
from deployer.run import Program

ENDLESS = 1_000_000_000
"""Runs of a bench that time, or its own steadiness, ends."""

_MOST_BYTES = 60_000
"""Of clip names in one command: Linux takes 128 KiB in one argument, and a shell quotes them once more."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One start of the program. `warm_up`: the first few, which are not counted."""

    index: int
    clip: str
    variant: str
    run: int
    warm_up: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`runs` of each clip (None: as many as come), after `warm_up` starts that do not count.

    With a second program each clip is run by the first and by the second, in the next round by the second and by
    the first, and so on: what changes slowly touches both alike.
    """

    program: Program
    clips: tuple[str, ...]
    runs: int | None
    warm_up: int = 0
    against: Program | None = None

    def __post_init__(self) -> None:
        if not self.clips:
            raise UsageError("nothing to run: no clips")

    @property
    def total(self) -> int:
        """All starts, warm-up included; ENDLESS without a number of runs."""
        if self.runs is None:
            return ENDLESS
        return self.warm_up + self.runs * len(self.clips) * (1 if self.against is None else 2)

    def item(self, index: int) -> Item:
        """The start number `index`, from 0."""
        counted = index - self.warm_up
        clip, variant = self._at(counted)
        a_round = len(self.clips) * (1 if self.against is None else 2)
        return Item(
            index=index,
            clip=clip,
            variant=variant,
            run=index + 1 if counted < 0 else counted // a_round + 1,
            warm_up=counted < 0,
        )

    def program_of(self, item: Item) -> Program:
        """What runs it."""
        return self.against if item.variant == "b" and self.against is not None else self.program

    def cycle(self, index: int) -> list[Item]:
        """The starts from `index` on, until the order begins anew or one command is full."""
        period = len(self.clips) * (1 if self.against is None else 4)
        items: list[Item] = []
        size = 0
        for at in range(index, index + period):
            item = self.item(at)
            size += len(item.clip.encode()) + 8
            if size > _MOST_BYTES and items:
                break
            items.append(item)
        return items

    def is_whole(self, items: Sequence[Item]) -> bool:
        """Whether going around these items goes on as the plan does."""
        return len(items) == len(self.clips) * (1 if self.against is None else 4)

    def _at(self, counted: int) -> tuple[str, str]:
        """Clip and variant; the warm-up is what would come before the first counted start."""
        if self.against is None:
            return self.clips[counted % len(self.clips)], ""
        pair, second = divmod(counted, 2)
        turn, clip = divmod(pair, len(self.clips))
        return self.clips[clip], "ab"[(second + turn) % 2]
