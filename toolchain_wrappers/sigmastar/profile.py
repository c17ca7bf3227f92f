"""What is not public about the vendor's tools, as configuration: `configs/toolchains/sigmastar.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from toolchain_wrappers import profiles
from toolchain_wrappers.intake import Section
from toolchain_wrappers.profiles import Failure

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


class CfgProfile(Section, frozen=True, kw_only=True):
    """How `config/*.cfg` is written; `chips` are the names that the vendor's documents use."""

    list_separator: str
    chips: tuple[str, ...]


class Folders(Section, frozen=True, kw_only=True):
    """Names of folders: below the algorithm, below OpenDLAModel, below where a simulator runs (two).

    `dates` are forms of strftime that the name of an output folder may hold.
    """

    onnx: str
    output: str
    dumps: str
    scratch: str
    dates: tuple[str, ...]


class Scripts(Section, frozen=True, kw_only=True):
    """Paths below the toolchain folder."""

    environment: str
    convert_tool: str
    calibrator: str
    compiler: str
    simulator: str
    show_img_info: str


class Needs(Section, frozen=True, kw_only=True):
    """What the tools want of a machine, looked at before they start."""

    cpu_flags: tuple[str, ...]
    free_gib: float


class Versions(Section, frozen=True, kw_only=True):
    """How a release's version is read off its folder, and what it says of chips.

    `in_name` names a group `version`, `generation` one or two groups of which one matches.
    """

    in_name: str
    expected: str
    generation: str
    chips: Mapping[str, tuple[str, ...]]
    one_chip: tuple[str, ...]

    def __post_init__(self) -> None:
        profiles.pattern("in_name", self.in_name, "version")
        profiles.pattern("generation", self.generation)


class Stage(Section, frozen=True, kw_only=True):
    """A phrase that begins a stage, wherever it stands in a line."""

    phrase: str
    stage: str


class ConsoleProfile(Section, frozen=True, kw_only=True):
    """How the tools' console is read; `progress` names a group `percent`."""

    progress: str
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        profiles.pattern("progress", self.progress, "percent")


class Profile(Section, frozen=True, kw_only=True):
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
    data_suffix: Literal[".npy", ".raw", ".bin"]  # what the tools read
    float_name: str
    fixed_name: str
    console: ConsoleProfile
    failures: tuple[Failure, ...] = ()

    def __post_init__(self) -> None:
        profiles.pattern("sdk_path", self.sdk_path, "chip")


def load(folder: Path, changes: Mapping[str, Any] | None = None) -> Profile:
    """`sigmastar.yaml` and `sigmastar_failures.yaml` of `folder`, with a user's `changes` laid over key by key.

    Raises ToolchainError that names the key for a value that is not allowed.
    """
    return profiles.load(Profile, folder, "sigmastar", changes)
