"""A value from outside that is not allowed."""

from __future__ import annotations

from typing import Any

Key = tuple[str | int, ...]
"""The way to a value, from the top: names of fields and indices."""


class Fault(ValueError):
    """A value that is not allowed: where it is, what is wrong, in words without the place, and the value itself.

    `known` holds the names that there are where `unknown` is one that nobody reads. `shown`: the value is no list
    or mapping, and there is one.
    """

    def __init__(
        self, key: Key, words: str, *, value: Any = None, shown: bool = False, known: tuple[str, ...] = ()
    ) -> None:
        super().__init__(key, words)
        self.key, self.words, self.known = key, words, known
        self.it_is = f" (it is {value!r})" if shown else ""
        self.unknown = bool(known)

    def __str__(self) -> str:
        return f"{dotted(self.key) or 'all of it'}: {self.words}{self.it_is}"


def dotted(key: Key) -> str:
    """`boards.desk.before.0`."""
    return ".".join(map(str, key))
