"""Damaged texts, the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_ODD = '{}[]():,.-0123456789eE \t\n_naif"x²٣'


def damaged(texts: Sequence[str], *, count: int, seed: int) -> Iterator[str]:
    """Texts with pieces taken out, doubled, altered or cut off."""
    chance = random.Random(seed)
    for _ in range(count):
        text = chance.choice(texts)
        for _ in range(chance.randint(1, 6)):
            at, other = chance.randrange(len(text)), chance.randrange(len(text))
            match chance.randrange(4):
                case 0:
                    text = text[:at] + text[at + chance.randint(1, 30) :]
                case 1:
                    text = text[:at] + chance.choice(_ODD) + text[at + 1 :]
                case 2:
                    text = text[:at] + text[other : other + 40] + text[at:]
                case _:
                    text = text[:at]
            text = text or "x"
        yield text
