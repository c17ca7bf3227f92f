"""What is not public about the vendor's tools, as configuration: `configs/toolchains/sigmastar.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import field_validator

from toolchain_wrappers import profiles
from toolchain_wrappers.profiles import Failure, Section

__all__ = [
    "CfgProfile",
    "ConsoleProfile",
    "Failure",
    "Folders",
    "Needs",
    "Profile",
    "Scripts",
    "Stage",
    "Versions",
    "load",
]


class CfgProfile(Section):
    """How `config/*.cfg` is written; `chips` are the names that the vendor's documents use."""

    list_separator: str
    chips: tuple[str, ...]


class Folders(Section):
    """Names of folders: below the algorithm, below OpenDLAModel, below where a simulator runs (two).

    `dates` are forms of strftime that the name of an output folder may hold.
    """

    onnx: str
    output: str
    dumps: str
    scratch: str
    dates: tuple[str, ...]


class Scripts(Section):
    """Paths below the toolchain folder."""

    environment: str
    convert_tool: str
    calibrator: str
    compiler: str
    simulator: str
    show_img_info: str


class Needs(Section):
    """What the tools want of a machine, looked at before they start."""

    cpu_flags: tuple[str, ...]
    free_gib: float


class Versions(Section):
    """How a release's version is read off its folder, and what it says of chips.

    `in_name` names a group `version`, `generation` one or two groups of which one matches.
    """

    in_name: str
    expected: str
    generation: str
    chips: Mapping[str, tuple[str, ...]]
    one_chip: tuple[str, ...]

    @field_validator("in_name")
    @classmethod
    def _names_version(cls, value: str) -> str:
        return _with_group(value, "version")

    @field_validator("generation")
    @classmethod
    def _is_a_pattern(cls, value: str) -> str:
        re.compile(value)
        return value


class Stage(Section):
    """A phrase that begins a stage, wherever it stands in a line."""

    phrase: str
    stage: str


class ConsoleProfile(Section):
    """How the tools' console is read; `progress` names a group `percent`."""

    progress: str
    stages: tuple[Stage, ...]

    @field_validator("progress")
    @classmethod
    def _names_percent(cls, value: str) -> str:
        return _with_group(value, "percent")


class Profile(Section):
    """All of it. `{model}` and `{image}` in names stand for the model's name and SAVE_NAME without its suffix."""

    cfg: CfgProfile
    folders: Folders
    scripts: Scripts
    python: str
    chip_option: str
    stage_option: str
    needs: Needs
    versions: Versions
    sdk_path: str
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

    @field_validator("sdk_path")
    @classmethod
    def _names_chip(cls, value: str) -> str:
        return _with_group(value, "chip")


def _with_group(pattern: str, name: str) -> str:
    if name not in re.compile(pattern).groupindex:
        raise ValueError(f"wants a group called {name}")
    return pattern


def load(folder: Path, changes: Mapping[str, Any] | None = None) -> Profile:
    """`sigmastar.yaml` and `sigmastar_failures.yaml` of `folder`, with a user's `changes` laid over key by key.

    Raises ToolchainError that names the key for a value that is not allowed.
    """
    return profiles.load(Profile, folder, "sigmastar", changes)
