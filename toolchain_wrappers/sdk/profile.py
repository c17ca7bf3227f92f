"""`configs/toolchains/sdk.yaml`: how the SDK's make is driven, as far as it is not public."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolchain_wrappers import profiles
from toolchain_wrappers.intake import Section
from toolchain_wrappers.profiles import Failure


class Inputs(Section, frozen=True, kw_only=True):
    """Files and folders below the SDK that decide what comes out: by content, or by size and time."""

    content: tuple[str, ...]
    stamp: tuple[str, ...]


class SdkProfile(Section, frozen=True, kw_only=True):
    """All of it; paths are relative, as `sdk.yaml` says to what."""

    make: str
    opendla: str
    project: str
    source: str
    out: str
    app: str
    simulator: str
    machines: tuple[str, ...]
    defconfigs: str
    config_files: tuple[str, ...]
    compiler_keys: tuple[str, ...]
    inputs: Inputs
    failures: tuple[Failure, ...] = ()


def load(folder: Path, changes: Mapping[str, Any] | None = None) -> SdkProfile:
    """`sdk.yaml` and `sdk_failures.yaml` of `folder`, with a user's `changes` laid over key by key.

    Raises ToolchainError that names the key for a value that is not allowed.
    """
    return profiles.load(SdkProfile, folder, "sdk", changes)
