"""What is not public about a vendor's tools, as configuration that a user may replace key by key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from toolchain_wrappers.errors import ToolchainError

M = TypeVar("M", bound=BaseModel)


class Section(BaseModel):
    """A part of a profile: frozen, and closed to keys nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Failure(Section):
    """A failure phrase in words, and what helps."""

    pattern: str
    means: str
    cure: str


def load(model: type[M], folder: Path, name: str, changes: Mapping[str, Any] | None = None) -> M:
    """`NAME.yaml` and, as `failures`, `NAME_failures.yaml` of `folder`, with a user's `changes` laid over.

    Raises ToolchainError that names the key for a value that is not allowed.
    """
    fields = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    fields["failures"] = yaml.safe_load((folder / f"{name}_failures.yaml").read_text(encoding="utf-8"))
    try:
        return model.model_validate(_laid_over(fields, changes or {}))
    except (ValidationError, re.error) as e:
        raise ToolchainError(
            f"toolchain profile: {_first(e)}", hint=f"configs/toolchains/{name}.yaml lists the keys"
        ) from e


def _laid_over(fields: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(fields)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = (
            _laid_over(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def _first(error: ValidationError | re.error) -> str:
    if isinstance(error, re.error):
        return f"not a regular expression: {error}"
    fault = error.errors()[0]
    return f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
