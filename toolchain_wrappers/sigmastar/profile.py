"""What is not public about the vendor's tools, as configuration: `configs/toolchains/sigmastar.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from toolchain_wrappers.errors import ToolchainError


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CfgProfile(_Section):
    """How `config/*.cfg` is written."""

    list_separator: str


class Folders(_Section):
    """Names of folders: below the algorithm, below OpenDLAModel, below where a simulator runs."""

    onnx: str
    output: str
    dumps: str


class Scripts(_Section):
    """Paths below the toolchain folder."""

    environment: str
    convert_tool: str
    calibrator: str
    compiler: str
    simulator: str
    show_img_info: str


class Stage(_Section):
    """A phrase that begins a stage, wherever it stands in a line."""

    phrase: str
    stage: str


class ConsoleProfile(_Section):
    """How the tools' console is read; `progress` names a group `percent`."""

    progress: str
    stages: tuple[Stage, ...]

    @field_validator("progress")
    @classmethod
    def _names_percent(cls, value: str) -> str:
        if "percent" not in re.compile(value).groupindex:
            raise ValueError("wants a group called percent")
        return value


class Failure(_Section):
    """A vendor's failure phrase in words, and what helps."""

    pattern: str
    means: str
    cure: str


class Profile(_Section):
    """All of it. `{model}` and `{image}` in names stand for the model's name and SAVE_NAME without its suffix."""

    cfg: CfgProfile
    folders: Folders
    scripts: Scripts
    python: str
    chip_option: str
    preprocess: str
    data_suffix: str
    float_name: str
    fixed_name: str
    console: ConsoleProfile
    failures: tuple[Failure, ...] = ()

    @field_validator("data_suffix")
    @classmethod
    def _is_read_by_the_tools(cls, value: str) -> str:
        if value not in (".npy", ".raw", ".bin"):
            raise ValueError("the tools read .npy, .raw and .bin")
        return value


def load(folder: Path, changes: Mapping[str, Any] | None = None) -> Profile:
    """`sigmastar.yaml` and `sigmastar_failures.yaml` of `folder`, with a user's `changes` laid over key by key.

    Raises ToolchainError that names the key for a value that is not allowed.
    """
    fields = yaml.safe_load((folder / "sigmastar.yaml").read_text(encoding="utf-8"))
    fields["failures"] = yaml.safe_load((folder / "sigmastar_failures.yaml").read_text(encoding="utf-8"))
    try:
        return Profile.model_validate(_laid_over(fields, changes or {}))
    except (ValidationError, re.error) as e:
        raise ToolchainError(
            f"toolchain profile: {_first(e)}", hint="configs/toolchains/sigmastar.yaml lists the keys"
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
