"""What was drawn lately is kept: drawing takes longer than all else of a page."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_DRAWING = threading.Lock()  # one at a time: matplotlib's settings are those of the whole process


class Drawn(Generic[T]):
    """The latest `most` drawings by a key that stands for all that is in them; any thread may ask."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[str, T] = {}

    def get(self, key: str, draw: Callable[[], T]) -> T:
        """The one that is kept, or a new one."""
        found = self._kept.get(key)
        if found is not None:
            return found
        with _DRAWING:
            if key not in self._kept:  # nobody has drawn it meanwhile
                self._kept[key] = draw()
            found = self._kept[key]
            while len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]
        return found
