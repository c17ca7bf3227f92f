"""From deploy.yaml's `sdk:` to builds."""

from __future__ import annotations

import os
from dataclasses import replace

from deployer import resources
from deployer.building.job import BuildJob
from deployer.conversion.runtime import runtime_of
from deployer.errors import ConfigError
from deployer.project import Project
from deployer.settings.config import SdkSection
from toolchain_wrappers.sdk import profile
from toolchain_wrappers.sdk.tree import SdkTree
from toolchain_wrappers.standin import sdk as standin

KEY = "sdk"


def is_wanted(project: Project) -> bool:
    """Whether the board's programs come from an SDK: `sdk:` is there, and `program:` names no ready one."""
    return project.wants_sdk


def tree(project: Project) -> SdkTree:
    """The configured SDK, or the stand-in for `sdk.aarch`, written anew where it is used.

    Raises ConfigError for an architecture that the stand-in does not have, ToolchainError for a wrong profile.
    """
    section = project.deployment.settings.sdk or SdkSection()
    known = profile.load(resources.configs_dir() / "toolchains", section.profile)
    if section.dir is not None:
        return SdkTree(root=project.deployment.resolve(section.dir), profile=known)
    wanted = section.aarch or next(iter(standin.COMPILERS))
    for each in standin.COMPILERS:
        if each == wanted:
            root = standin.make(project.deployment.state_dir / "sdk", arch=each)
            return SdkTree(root=root, profile=known)
    raise ConfigError(
        f"sdk.aarch: the built-in stand-in has no {wanted!r}",
        hint=f"it has {' and '.join(standin.COMPILERS)}; sdk.dir names an SDK of your own",
    )


def jobs(
    project: Project, targets: tuple[str, ...] = (), *, clean: bool = False, jobs: int | None = None
) -> list[BuildJob]:
    """A build a target; without any, the model's program and the simulator, where the SDK has one.

    A clean that was asked for goes with the first only: it drops what the others made.
    """
    found = tree(project)
    source = f"{found.profile.source}/"
    wanted = [target.strip("/").removeprefix(source) for target in targets] or default_targets(project, found)
    first = _job(project, project.deployment.settings.sdk or SdkSection(), found, jobs)
    return [replace(first, target=each, clean=clean and not index) for index, each in enumerate(wanted)]


def program_job(project: Project) -> BuildJob:
    """The build of the model's program."""
    return jobs(project)[0]


def simulator_job(project: Project) -> BuildJob | None:
    """The build of the board's dla_simulator; None where the SDK has no source of it."""
    found = tree(project)
    simulator = found.profile.simulator
    return jobs(project, (simulator,))[0] if found.source(simulator).is_dir() else None


def default_targets(project: Project, found: SdkTree) -> list[str]:
    """The model's program; and the simulator, which not every SDK has."""
    program, simulator = str(project.vendor["algorithm"]), found.profile.simulator
    return [program, simulator] if found.source(simulator).is_dir() else [program]


def _job(project: Project, section: SdkSection, found: SdkTree, jobs: int | None) -> BuildJob:
    image = section.image or section.docker_dir or section.rootfs
    return BuildJob(
        tree=found,
        target=str(project.vendor["algorithm"]),
        store=project.deployment.state_dir / "build",
        runtime=runtime_of(section, project.deployment, (found.root,), key=KEY),
        where=section.runtime if section.runtime == "host" else f"{section.runtime} {image}",
        jobs=jobs or section.jobs or os.cpu_count() or 1,
        aarch=section.aarch,
        defconfig=section.defconfig,
        stall_timeout_s=section.stall_timeout_s,
    )
