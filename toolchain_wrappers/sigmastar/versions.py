"""Which version a release of the tools is, and what that says of chips. Nothing but its folder's name is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolchain_wrappers.sigmastar.profile import Profile, Versions

UNVERIFIED = "unverified"


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """Something about a version that does not go with the rest; what is not `refused` may work all the same."""

    fault: str
    cure: str
    refused: bool


def version_of(tools_dir: Path, versions: Versions) -> str:
    """`25111209-S21` of `SGS_IPU_Toolchain_25111209-S21`, or `unverified`; links are followed."""
    found = re.search(versions.in_name, tools_dir.resolve().name)
    return found["version"] if found else UNVERIFIED


def generation_of(version: str, versions: Versions) -> str:
    """`S1` of `S1.0.9`; empty where the version does not say."""
    found = re.search(versions.generation, version)
    return next((group for group in found.groups() if group), "") if found else ""


def misfits(version: str, chip: str, profile: Profile) -> Iterator[Misfit]:
    """What is wrong with driving tools of `version` for `chip` by `profile`; nothing for an unknown version."""
    versions = profile.versions
    if versions.expected and version != versions.expected:
        yield Misfit(
            fault=f"the toolchain is version {version}, deploy.yaml expects {versions.expected}",
            cure="set toolchain.tools_dir to the expected one, or correct toolchain.profile.versions.expected",
            refused=True,
        )
    generation = generation_of(version, versions)
    known = versions.chips.get(generation)
    if known and chip not in known:
        yield Misfit(
            fault=f"a toolchain {version} is made for {', '.join(known)}, not for {chip}",
            cure=f"get the SDK of {chip}, correct `chip:`, or toolchain.profile.versions.chips",
            refused=True,
        )
    if generation in versions.one_chip and profile.chip_option:
        yield Misfit(
            fault=f"tools {version} know no {profile.chip_option}",
            cure='set toolchain.profile.chip_option: "" and, for SDK 1.x, stage_option: -t',
            refused=False,
        )


def chip_of_path(image: Path, pattern: str) -> str:
    """`pcupid` of an image that lies where an SDK keeps its ready-made ones; empty elsewhere."""
    found = re.search(pattern, image.resolve().as_posix())
    return found["chip"] if found else ""
