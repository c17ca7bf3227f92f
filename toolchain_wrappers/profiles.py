"""What is not public about a vendor's tools, as configuration that a user may replace key by key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from toolchain_wrappers import intake
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.intake import Fault, Section

S = TypeVar("S", bound=Section)


class Failure(Section, frozen=True, kw_only=True):
    """A failure phrase in words, and what helps."""

    pattern: str
    means: str
    cure: str


def load(kind: type[S], folder: Path, name: str, changes: Mapping[str, Any] | None = None) -> S:
    """`NAME.yaml` and, as `failures`, `NAME_failures.yaml` of `folder`, with a user's `changes` laid over.

    Raises ToolchainError that names the key for a value that is not allowed.
    """
    fields = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    fields["failures"] = yaml.safe_load((folder / f"{name}_failures.yaml").read_text(encoding="utf-8"))
    try:
        return intake.record(kind, _laid_over(fields, changes or {}))
    except Fault as e:
        raise ToolchainError(
            f"toolchain profile: {e}", hint=f"configs/toolchains/{name}.yaml lists the keys"
        ) from e


def _laid_over(fields: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(fields)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = (
            _laid_over(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def pattern(field: str, text: str, group: str | None = None) -> None:
    """Refuse what is no regular expression, or one without this named group. Raises Fault for `field`."""
    try:
        groups = re.compile(text).groupindex
    except re.error as e:
        raise Fault((field,), f"is not a regular expression: {e}") from e
    if group is not None and group not in groups:
        raise Fault((field,), f"wants a group called {group}")
