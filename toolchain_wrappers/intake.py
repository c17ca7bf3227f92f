"""What comes from outside becomes a record, or a fault that says where and what: msgspec, and its words made plain.

A record is a `Section` or a dataclass; its annotations are what is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Self, TypeVar

import msgspec

from toolchain_wrappers.fault import Fault, Key, dotted

__all__ = ["Choice", "Fault", "Key", "Section", "dotted", "plain", "record"]

T = TypeVar("T")


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings: frozen, and closed to keys that nobody reads.

    What annotations cannot say is checked in `__post_init__`, which raises a Fault whose key begins at the section.
    """

    def replace(self, **changes: Any) -> Self:
        """The same with other values. Raises Fault."""
        return msgspec.structs.replace(self, **changes)


class Choice:
    """Base of several kinds of records: a field annotated with it holds any of them."""

    @classmethod
    def choice(cls, given: Any) -> type[Self]:
        """Which one is meant by this data."""
        raise NotImplementedError


def record(kind: type[T], data: Any) -> T:
    """A record of this kind; a number may be written as text, since people put quotes around one. Raises Fault."""
    try:
        return convert(kind, data)
    except msgspec.ValidationError as e:
        from toolchain_wrappers import intake_faults

        raise intake_faults.fault(kind, data, e, convert) from e


def convert(kind: type[T], data: Any) -> T:
    """The same in msgspec's words. Raises msgspec.ValidationError."""
    return msgspec.convert(data, kind, strict=False, dec_hook=_made)


def plain(value: Any) -> Any:
    """A record, and what is in it, as `json.dumps` takes it: dictionaries, lists, text and numbers."""
    return msgspec.to_builtins(value, enc_hook=_plain, str_keys=True)


def _made(kind: type, given: Any) -> Any:
    if issubclass(kind, Choice):
        return given if isinstance(given, kind) else record(kind.choice(given), given)
    if issubclass(kind, PurePath) and isinstance(given, str | PurePath):
        return kind(given)
    raise TypeError(f"Expected `path`, got `{type(given).__name__}`")


def _plain(value: Any) -> Any:
    if isinstance(value, float):  # numpy's float64 is one
        return float(value)
    return dict(value) if isinstance(value, Mapping) else str(value)
